import CHDF5
import TensorCore

/// A dataset of fixed shape, read and written by rows: the slices along its first dimension.
///
/// `@unchecked Sendable`: all state is used under the lock of `HDF5Library`.
public final class HDF5Dataset: @unchecked Sendable {
  /// Path of the dataset in its file, groups separated by slashes.
  public let name: String
  /// Extents, row-major; empty for a scalar.
  public let shape: [Int]
  /// How elements are stored.
  public let type: HDF5ElementType
  let file: HDF5File
  let handle: HDF5Handle

  init(name: String, shape: [Int], type: HDF5ElementType, file: HDF5File, identifier: hid_t) {
    self.name = name
    self.shape = shape
    self.type = type
    self.file = file
    handle = HDF5Handle(identifier, closing: H5Dclose)
    file.adopt(handle)
  }

  deinit { file.dismiss(handle) }

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }
  /// A scalar has one row.
  public var rows: Int { shape.first ?? 1 }
  /// Elements of one row.
  public var rowLength: Int { shape.dropFirst().reduce(1, *) }
  /// Named values attached to the dataset.
  public var attributes: HDF5Attributes {
    HDF5Attributes(file: file, object: name, handle: handle, owner: self)
  }

  private var identifier: hid_t {
    precondition(handle.identifier >= 0, "\(file.path) is closed")
    return handle.identifier
  }

  // MARK: Floats

  /// Writes rows from floats, `[count, rowLength]`, rounding them to nearest for `bfloat16`.
  public func writeRows(start: Int, count: Int, from source: UnsafePointer<Float>) throws {
    switch type {
    case .float32: try write(start: start, count: count, source)
    case .bfloat16:
      try inBlocks(start: start, count: count) { rows, offset in
        let elements = rows.count * rowLength
        try withUnsafeTemporaryAllocation(of: UInt16.self, capacity: elements) {
          guard let block = $0.baseAddress else { return }
          narrow(source + offset, count: elements, toBFloat16: block)
          try write(start: rows.lowerBound, count: rows.count, block)
        }
      }
    default: preconditionFailure("\(name) of \(type.rawValue) is not written from floats")
    }
  }

  /// Reads rows as floats, `[count, rowLength]`.
  public func readRows(
    start: Int, count: Int, into output: UnsafeMutablePointer<Float>
  ) throws {
    switch type {
    case .float32: try read(start: start, count: count, into: output)
    case .float16, .bfloat16:
      try inBlocks(start: start, count: count) { rows, offset in
        let block = ByteBuffer(count: rows.count * rowLength * 2)
        try read(start: rows.lowerBound, count: rows.count, into: block.base)
        StoredTensor(
          elementType: type.stored!, shape: [rows.count * rowLength], bytes: block.bytes,
          owner: block
        ).widen(rows: 0..<1, into: output + offset)
      }
    case .float64:
      try inBlocks(start: start, count: count) { rows, offset in
        var block = [Double](repeating: 0, count: rows.count * rowLength)
        try read(start: rows.lowerBound, count: rows.count, into: &block)
        for (index, value) in block.enumerated() { output[offset + index] = Float(value) }
      }
    case .int32, .int64, .uint8:
      throw file.error(name, "read it as floats", "found elements of \(type.rawValue)")
    }
  }

  /// Calls `body` with parts of at most a million elements, and where each starts in the caller's.
  private func inBlocks(
    start: Int, count: Int, _ body: (Range<Int>, _ offset: Int) throws -> Void
  ) throws {
    checkRows(start, count)
    guard rowLength > 0 else { return }
    let step = max(1, (1 << 20) / rowLength)
    for row in stride(from: 0, to: count, by: step) {
      let rows = start + row..<start + min(count, row + step)
      try body(rows, row * rowLength)
    }
  }

  // MARK: Elements as they are stored

  /// Writes rows of elements that are already of the stored type.
  func write(start: Int, count: Int, _ source: UnsafeRawPointer) throws {
    precondition(file.isWriting, "\(file.path) is open for reading")
    try transfer(start: start, count: count, "write") {
      H5Dwrite(identifier, $0, $1, $2, 0, source)
    }
  }

  /// Reads rows of elements in the stored type.
  func read(start: Int, count: Int, into output: UnsafeMutableRawPointer) throws {
    try transfer(start: start, count: count, "read") {
      H5Dread(identifier, $0, $1, $2, 0, output)
    }
  }

  private func checkRows(_ start: Int, _ count: Int) {
    precondition(
      start >= 0 && count >= 0 && start + count <= rows,
      "rows \(start)..<\(start + count) of \(name), which has \(rows)")
  }

  private func transfer(
    start: Int, count: Int, _ verb: String,
    _ body: (_ type: hid_t, _ memory: hid_t, _ selection: hid_t) -> herr_t
  ) throws {
    checkRows(start, count)
    if count == 0 || rowLength == 0 { return }
    let operation = "\(verb) rows \(start)..<\(start + count)"
    try HDF5Library.locked {
      let type = HDF5Handle(
        try file.check(littleEndianType(of: identifier), name, operation), closing: H5Tclose)
      let selection = HDF5Handle(
        try file.check(H5Dget_space(identifier), name, operation), closing: H5Sclose)
      // The library copies fast only between selections of equal shape.
      let memory = HDF5Handle(
        try file.check(
          dataspace(shape.isEmpty ? nil : [count] + shape.dropFirst()), name, operation),
        closing: H5Sclose)
      if !shape.isEmpty {
        var first = [hsize_t](repeating: 0, count: shape.count)
        var extent = shape.map { hsize_t($0) }
        first[0] = hsize_t(start)
        extent[0] = hsize_t(count)
        try file.check(
          H5Sselect_hyperslab(selection.identifier, H5S_SELECT_SET, first, nil, extent, nil),
          name, operation)
      }
      try file.check(
        body(type.identifier, memory.identifier, selection.identifier), name, operation)
    }
  }
}

/// Bytes on the heap that views may share.
///
/// `@unchecked Sendable`: filled by its maker, only read once it is shared.
final class ByteBuffer: @unchecked Sendable {
  let base: UnsafeMutableRawPointer
  let count: Int

  init(count: Int) {
    self.count = count
    base = .allocate(byteCount: max(1, count), alignment: 64)
  }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  deinit { base.deallocate() }
}
