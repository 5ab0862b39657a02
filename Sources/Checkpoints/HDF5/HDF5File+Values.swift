import CHDF5
import TensorCore

// Whole datasets.
extension HDF5File {
  /// - Parameter type: `float32`, or `bfloat16` to round to nearest, ties to even.
  @discardableResult
  public func write(
    _ name: String, _ tensor: Tensor, type: HDF5ElementType = .float32
  ) throws -> HDF5Dataset {
    let dataset = try createDataset(name, shape: tensor.shape.dimensions, type: type)
    try tensor.withPointer { try dataset.writeRows(start: 0, count: dataset.rows, from: $0) }
    return dataset
  }

  /// Writes floats, converted to `type`.
  ///
  /// - Parameter shape: Row-major, as many elements as given; `nil` for one dimension.
  /// - Throws: `HDF5Error`, also when the name is taken.
  @discardableResult
  public func write(
    _ name: String, _ elements: [Float], shape: [Int]? = nil, type: HDF5ElementType = .float32
  ) throws -> HDF5Dataset {
    let dataset = try createDataset(name, shape: shape ?? [elements.count], type: type)
    precondition(dataset.count == elements.count, "\(elements.count) elements for \(dataset.shape)")
    try elements.withUnsafeBufferPointer {
      guard let base = $0.baseAddress else { return }
      try dataset.writeRows(start: 0, count: dataset.rows, from: base)
    }
    return dataset
  }

  /// Writes 32-bit integers, in one dimension unless `shape` says otherwise.
  ///
  /// - Throws: `HDF5Error`, also when the name is taken.
  @discardableResult
  public func write(_ name: String, _ elements: [Int32], shape: [Int]? = nil) throws -> HDF5Dataset
  {
    try write(name, elements, shape: shape, type: .int32)
  }

  /// Writes 64-bit integers, in one dimension unless `shape` says otherwise.
  ///
  /// - Throws: `HDF5Error`, also when the name is taken.
  @discardableResult
  public func write(_ name: String, _ elements: [Int64], shape: [Int]? = nil) throws -> HDF5Dataset
  {
    try write(name, elements, shape: shape, type: .int64)
  }

  /// Text of any length, as the bytes of its UTF-8: documents that no attribute can hold.
  @discardableResult
  public func write(_ name: String, text: String) throws -> HDF5Dataset {
    try write(name, Array(text.utf8), shape: nil, type: .uint8)
  }

  /// A stored tensor, block by block, never whole in memory. Plain types that HDF5 files here do
  /// not hold (`float16`), and quantised ones, become `float32`.
  @discardableResult
  public func write(_ name: String, _ tensor: StoredTensor) throws -> HDF5Dataset {
    let type = tensor.elementType == .bfloat16 ? HDF5ElementType.bfloat16 : .float32
    let dataset = try createDataset(name, shape: tensor.shape, type: type)
    guard tensor.count > 0 else { return dataset }
    // A stored row is a slice along the last dimension, a dataset's along the first.
    let factor = dataset.rowLength / tensor.rowLength
    let step = max(1, (1 << 20) / dataset.rowLength)
    guard dataset.rowLength > 1 || tensor.shape.count > 1 else {
      try tensor.widened().withPointer {
        try dataset.writeRows(start: 0, count: dataset.rows, from: $0)
      }
      return dataset
    }
    for row in stride(from: 0, to: dataset.rows, by: step) {
      let rows = row..<min(dataset.rows, row + step)
      var block = Tensor(uninitialized: Shape([rows.count, dataset.rowLength]))
      try block.withMutablePointer {
        tensor.widen(rows: rows.lowerBound * factor..<rows.upperBound * factor, into: $0)
        try dataset.writeRows(start: rows.lowerBound, count: rows.count, from: $0)
      }
    }
    return dataset
  }

  private func write<Element: BitwiseCopyable>(
    _ name: String, _ elements: [Element], shape: [Int]?, type: HDF5ElementType
  ) throws -> HDF5Dataset {
    let dataset = try createDataset(name, shape: shape ?? [elements.count], type: type)
    precondition(dataset.count == elements.count, "\(elements.count) elements for \(dataset.shape)")
    try elements.withUnsafeBytes {
      guard let base = $0.baseAddress else { return }
      try dataset.write(start: 0, count: dataset.rows, base)
    }
    return dataset
  }

  // MARK: Reading

  /// - Parameter shape: what the dataset must have; `nil` for any.
  public func tensor(_ name: String, shape: [Int]? = nil) throws -> Tensor {
    let dataset = try dataset(name)
    if let shape, dataset.shape != shape {
      throw error(name, "read it", "found the shape \(dataset.shape), expected \(shape)")
    }
    return try dataset.tensor()
  }

  /// All elements in row-major order, widened to 32-bit floats.
  ///
  /// - Throws: `HDF5Error` when there is no such dataset or it holds something else.
  public func floats(_ name: String) throws -> [Float] { try tensor(name).elements }

  /// All elements of a dataset of 32-bit integers, in row-major order.
  ///
  /// - Throws: `HDF5Error` when there is no such dataset or it holds something else.
  public func int32s(_ name: String) throws -> [Int32] {
    try elements(name, of: .int32, filledWith: 0)
  }

  /// All elements of a dataset of 64-bit integers, in row-major order.
  ///
  /// - Throws: `HDF5Error` when there is no such dataset or it holds something else.
  func int64s(_ name: String) throws -> [Int64] {
    try elements(name, of: .int64, filledWith: 0)
  }

  /// A text that was written as the bytes of its UTF-8.
  ///
  /// - Throws: `HDF5Error` when there is no such dataset or it holds no text.
  public func text(_ name: String) throws -> String {
    let bytes: [UInt8] = try elements(name, of: .uint8, filledWith: 0)
    guard let text = String(validatingUTF8Bytes: bytes) else {
      throw error(name, "read it as text", "found bytes that are not UTF-8")
    }
    return text
  }

  private func elements<Element: BitwiseCopyable>(
    _ name: String, of type: HDF5ElementType, filledWith zero: Element
  ) throws -> [Element] {
    let dataset = try dataset(name)
    guard dataset.type == type else {
      throw error(
        name, "read it", "found elements of \(dataset.type.rawValue), expected \(type.rawValue)")
    }
    var elements = [Element](repeating: zero, count: dataset.count)
    try elements.withUnsafeMutableBytes {
      guard let base = $0.baseAddress else { return }
      try dataset.read(start: 0, count: dataset.rows, into: base)
    }
    return elements
  }
}

extension HDF5Dataset {
  /// All elements as floats.
  public func tensor() throws -> Tensor {
    var tensor = Tensor(uninitialized: Shape(shape))
    try tensor.withMutablePointer { try readRows(start: 0, count: rows, into: $0) }
    return tensor
  }

  /// All elements as they are stored, in memory.
  public func storedTensor() throws -> StoredTensor {
    guard let elementType = type.stored else {
      throw file.error(name, "read it as floats", "found elements of \(type.rawValue)")
    }
    let buffer = ByteBuffer(count: count * type.bytes)
    try read(start: 0, count: rows, into: buffer.base)
    return StoredTensor(
      elementType: elementType, shape: shape, bytes: buffer.bytes, owner: buffer)
  }
}
