import Documents
import Foundation
import TensorCore

/// Writes a GGUF file, tensor by tensor and row by row, so that a model larger than the memory can
/// be written.
public struct GGUFWriter {
  /// A tensor of the file.
  public struct Entry {
    /// As llama.cpp names it.
    public let name: String
    /// Row-major; the file has the extents in reverse.
    public let shape: [Int]
    /// What its elements are stored as.
    public let type: ElementType
    /// Makes its elements, of this shape up to extents of 1, when they are written. A tensor that is
    /// of the entry's type already is written bit for bit.
    public let make: () -> StoredTensor

    /// A tensor of the file.
    public init(
      _ name: String, shape: [Int], type: ElementType, make: @escaping () -> StoredTensor
    ) {
      precondition(
        (1...4).contains(shape.count) && name.utf8.count < GGUFFile.maximumNameBytes
          && shape.last! % type.blockLength == 0, "\(name) of \(shape) as \(type.rawValue)")
      self.name = name
      self.shape = shape
      self.type = type
      self.make = make
    }

    var byteCount: Int { type.bytes(of: shape.reduce(1, *)) }
  }

  /// By key. Integers are written as 32-bit ones without sign if they can be, arrays of integers with
  /// sign, numbers as 32-bit floats: what llama.cpp reads.
  public let metadata: JSONObject
  /// In the order of the file.
  public let tensors: [Entry]

  private static let alignment = 32

  /// A writer of these; names differ.
  public init(metadata: JSONObject, tensors: [Entry]) {
    precondition(Set(tensors.map(\.name)).count == tensors.count, "a tensor's name twice")
    self.metadata = metadata
    self.tensors = tensors
  }

  /// Bytes of the whole file.
  public var byteCount: Int {
    tensors.reduce(header.count) { $0 + Self.padded($1.byteCount) }
  }

  /// Writes the file beside its place and renames it when it is complete and durable.
  ///
  /// - Throws: `PublicationError` (74), and `CheckpointError` for a number that its type cannot hold.
  public func write(to path: String) throws {
    try AtomicFile.publish(to: path, size: byteCount) { write in
      try header.withUnsafeBytes(write)
      for entry in tensors {
        let tensor = entry.make()
        try GGUFTensorWriter(entry, tensor, path: path).write(write)
        tensor.releasePages()
        let rest = Self.padded(entry.byteCount) - entry.byteCount
        try [UInt8](repeating: 0, count: rest).withUnsafeBytes(write)
      }
    }
  }

  private static func padded(_ count: Int) -> Int {
    (count + alignment - 1) / alignment * alignment
  }

  // MARK: Header

  /// Up to the first tensor's bytes.
  private var header: [UInt8] {
    var bytes = Array("GGUF".utf8) + UInt32(3).littleEndianBytes
    bytes += UInt64(tensors.count).littleEndianBytes
    bytes += UInt64(metadata.count).littleEndianBytes
    for (key, value) in metadata.members {
      bytes += Self.string(key) + Self.encoded(value, key: key)
    }
    var offset = 0
    for entry in tensors {
      bytes += Self.string(entry.name) + UInt32(entry.shape.count).littleEndianBytes
      for extent in entry.shape.reversed() { bytes += UInt64(extent).littleEndianBytes }
      bytes += GGUFTensorType.number(of: entry.type).littleEndianBytes
      bytes += UInt64(offset).littleEndianBytes
      offset += Self.padded(entry.byteCount)
    }
    return bytes + [UInt8](repeating: 0, count: Self.padded(bytes.count) - bytes.count)
  }

  private static func string(_ text: String) -> [UInt8] {
    UInt64(text.utf8.count).littleEndianBytes + Array(text.utf8)
  }

  /// The number of a value's type, and the value.
  private static func encoded(_ value: JSONValue, key: String) -> [UInt8] {
    let type: GGUFValueType
    switch value {
    case .array(let elements):
      let kind = elementType(of: elements)
      var bytes = GGUFValueType.array.rawValue.littleEndianBytes + kind.rawValue.littleEndianBytes
      bytes += UInt64(elements.count).littleEndianBytes
      for element in elements { bytes += plain(element, as: kind, key: key) }
      return bytes
    case .integer(let number):
      type = UInt32(exactly: number) != nil ? .uint32 : number < 0 ? .int64 : .uint64
    case .number: type = .float32
    case .bool: type = .bool
    default: type = .string
    }
    return type.rawValue.littleEndianBytes + plain(value, as: type, key: key)
  }

  private static func elementType(of elements: [JSONValue]) -> GGUFValueType {
    switch elements.first {
    case .integer:
      elements.allSatisfy { $0.intValue.flatMap { Int32(exactly: $0) } != nil } ? .int32 : .float32
    case .number: .float32
    case .bool: .bool
    default: .string
    }
  }

  private static func plain(_ value: JSONValue, as type: GGUFValueType, key: String) -> [UInt8] {
    switch (type, value) {
    case (.string, .string(let text)): return string(text)
    case (.bool, .bool(let flag)): return [flag ? 1 : 0]
    case (.uint32, .integer(let number)): return UInt32(number).littleEndianBytes
    case (.int32, .integer(let number)): return Int32(number).littleEndianBytes
    case (.uint64, .integer(let number)): return UInt64(number).littleEndianBytes
    case (.int64, .integer(let number)): return Int64(number).littleEndianBytes
    case (.float32, .integer(let number)): return Float(number).bitPattern.littleEndianBytes
    case (.float32, .number(let number)): return Float(number).bitPattern.littleEndianBytes
    default: preconditionFailure("\(key) has \(value.kindDescription) as \(type)")
    }
  }
}
