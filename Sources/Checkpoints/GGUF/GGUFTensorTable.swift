import TensorCore

/// The tensor infos that follow the metadata, checked against the file's length: offsets are the
/// running sum of padded sizes, so that no byte means nothing or two things.
struct GGUFTensorTable {
  private(set) var tensors: [TensorDescription] = []

  private struct Info {
    var name: String
    var type: GGUFTensorType
    var shape: [Int]
    var byteCount: Int
    var offset: UInt64
    var offsetPosition: Int
  }

  init(_ cursor: inout GGUFCursor, count: Int, alignment: Int) throws(CheckpointError) {
    var infos: [Info] = []
    var names: Set<String> = []
    for index in 0..<count {
      let start = cursor.position
      let info = try Self.info(&cursor, index)
      guard names.insert(info.name).inserted else {
        throw cursor.failure(
          "tensor \(index)", at: start, found: "the name \(info.name) again",
          expected: "each name once")
      }
      infos.append(info)
    }
    try place(infos, cursor, alignment: alignment)
  }

  private static func info(
    _ cursor: inout GGUFCursor, _ index: Int
  ) throws(CheckpointError) -> Info {
    var start = cursor.position
    let name = try cursor.string("name of tensor \(index)", atMost: GGUFFile.maximumNameBytes)
    guard !name.isEmpty else {
      throw cursor.failure(
        "name of tensor \(index)", at: start, found: "an empty name", expected: "a name")
    }
    start = cursor.position
    let rank: UInt32 = try cursor.integer("dimensions of tensor \(name)")
    guard (1...4).contains(rank) else {
      throw cursor.failure(
        "dimensions of tensor \(name)", at: start, found: "\(rank)", expected: "1 to 4")
    }
    let shapeStart = cursor.position
    var dimensions: [Int] = []
    var count = 1
    for axis in 0..<rank {
      start = cursor.position
      let field = "dimension \(axis) of tensor \(name)"
      let size: UInt64 = try cursor.integer(field)
      let (product, isTooLarge) = count.multipliedReportingOverflow(by: Int(clamping: size))
      // A dimension of 0 would make every product 0, whatever the others are.
      guard size > 0, size <= UInt64(Int.max), !isTooLarge else {
        throw cursor.failure(
          field, at: start, found: "\(size)",
          expected: "at least 1, and a product of all that fits 63 bits")
      }
      dimensions.append(Int(size))
      count = product
    }
    start = cursor.position
    let number: UInt32 = try cursor.integer("type of tensor \(name)")
    guard let type = GGUFTensorType(number: number) else {
      throw cursor.failure(
        "type of tensor \(name)", at: start, found: "\(number)",
        expected: "the number of a known type")
    }
    guard dimensions[0] % type.blockLength == 0 else {
      throw cursor.failure(
        "dimension 0 of tensor \(name)", at: shapeStart, found: "\(dimensions[0])",
        expected: "a multiple of the \(type.blockLength) elements of a block of \(type.name)")
    }
    let (bytes, isTooLarge) = (count / type.blockLength).multipliedReportingOverflow(
      by: type.blockBytes)
    guard !isTooLarge else {
      throw cursor.failure(
        "dimensions of tensor \(name)", at: shapeStart, found: "\(dimensions)",
        expected: "a size in bytes that fits 63 bits")
    }
    start = cursor.position
    let offset: UInt64 = try cursor.integer("offset of tensor \(name)")
    // GGUF gives the contiguous dimension first.
    return Info(
      name: name, type: type, shape: dimensions.reversed(), byteCount: bytes, offset: offset,
      offsetPosition: start)
  }

  private mutating func place(
    _ infos: [Info], _ cursor: GGUFCursor, alignment: Int
  ) throws(CheckpointError) {
    let fileEnd = cursor.bytes.count
    let dataStart = Self.padded(cursor.position, alignment)
    var position = dataStart
    var end = cursor.position
    for info in infos {
      guard info.offset == UInt64(position - dataStart) else {
        throw cursor.failure(
          "offset of tensor \(info.name)", at: info.offsetPosition, found: "\(info.offset)",
          expected: "\(position - dataStart), the padded end of the tensor before")
      }
      guard position <= fileEnd, info.byteCount <= fileEnd - position else {
        throw cursor.failure(
          "tensor \(info.name)", at: position,
          found: "\(max(0, fileEnd - position)) bytes up to the file's end",
          expected: "\(info.byteCount) for \(info.shape) of \(info.type.name)",
          remedy: "the file is truncated")
      }
      end = position + info.byteCount
      tensors.append(
        TensorDescription(
          name: info.name, type: info.type.name, shape: info.shape, bytes: position..<end,
          file: cursor.path))
      position = Self.padded(end, alignment)
    }
    // Writers pad the last tensor too, or do not.
    let last = Self.padded(end, alignment)
    guard fileEnd <= last else {
      throw cursor.failure(
        "end of the data", at: last, found: "\(fileEnd - last) bytes more",
        expected: "the file's end", remedy: "bytes follow that belong to nothing")
    }
  }

  /// Positions lie within the file, far from overflow.
  private static func padded(_ position: Int, _ alignment: Int) -> Int {
    (position + alignment - 1) & ~(alignment - 1)
  }
}
