import TensorCore

// Rows as tensors and lists, for whoever holds no pointers.
extension HDF5Dataset {
  /// Writes rows from the elements of `tensor`, which fill them.
  public func writeRows(start: Int, _ tensor: Tensor) throws {
    let count = rowCount(tensor.count)
    try tensor.withPointer { try writeRows(start: start, count: count, from: $0) }
  }

  /// Writes rows of an `int32` dataset from elements that fill them.
  public func writeRows(start: Int, _ elements: [Int32]) throws {
    let count = rowCount(elements.count)
    try elements.withUnsafeBufferPointer {
      guard let base = $0.baseAddress else { return }
      try writeRows(start: start, count: count, from: base)
    }
  }

  /// Reads rows as floats into those of `tensor` from `row` on; its rows are as long as these.
  public func readRows(
    start: Int, count: Int, into tensor: inout Tensor, at row: Int = 0
  ) throws {
    precondition(
      row >= 0 && (row + count) * rowLength <= tensor.count,
      "rows \(row)..<\(row + count) of \(rowLength) in \(tensor.shape)")
    let offset = row * rowLength
    try tensor.withMutablePointer {
      try readRows(start: start, count: count, into: $0 + offset)
    }
  }

  /// Rows of an `int32` dataset, `count * rowLength` elements.
  public func int32Rows(start: Int, count: Int) throws -> [Int32] {
    var elements = [Int32](repeating: 0, count: count * rowLength)
    try elements.withUnsafeMutableBufferPointer {
      guard let base = $0.baseAddress else { return }
      try readRows(start: start, count: count, into: base)
    }
    return elements
  }

  private func rowCount(_ elements: Int) -> Int {
    precondition(
      rowLength > 0 && elements % rowLength == 0,
      "\(elements) elements for rows of \(rowLength) of \(name)")
    return elements / rowLength
  }
}

extension HDF5File {
  /// Whether a dataset holds just this tensor, bit for bit: numbers that are none equal nothing.
  public func holds(_ tensor: Tensor, at name: String) throws -> Bool {
    let found = try self.tensor(name)
    guard found.shape == tensor.shape else { return false }
    return withPointers(found, tensor) {
      UnsafeRawBufferPointer(start: $0, count: tensor.count * 4)
        .elementsEqual(UnsafeRawBufferPointer(start: $1, count: tensor.count * 4))
    }
  }
}
