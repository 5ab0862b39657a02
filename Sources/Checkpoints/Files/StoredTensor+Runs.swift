import TensorCore

extension StoredTensor {
  /// The elements as floats in the order of the tensor's rows, whole rows, a million or so at a time.
  func forEachWidenedBlock(_ body: (Tensor) throws -> Void) rethrows {
    let step = max(1, (1 << 20) / rowLength)
    for row in stride(from: 0, to: rows, by: step) {
      let some = row..<min(rows, row + step)
      var block = Tensor(uninitialized: Shape([some.count * rowLength]))
      block.withMutablePointer { widen(rows: some, into: $0) }
      try body(block)
    }
  }

  /// The stored bytes in the order of the tensor's rows, some at a time.
  func forEachRun(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    guard let order = rowOrder else {
      try body(bytes)
      return
    }
    let rowBytes = elementType.bytes(of: rowLength)
    let step = max(1, (1 << 22) / rowBytes)
    for start in stride(from: 0, to: order.count, by: step) {
      let rows = order[start..<min(order.count, start + step)]
      let block = ByteBuffer(count: rows.count * rowBytes)
      for (position, row) in rows.enumerated() {
        let source = bytes[Int(row) * rowBytes..<(Int(row) + 1) * rowBytes]
        UnsafeMutableRawBufferPointer(
          start: block.base + position * rowBytes, count: rowBytes
        ).copyMemory(from: UnsafeRawBufferPointer(rebasing: source))
      }
      try withExtendedLifetime(block) { try body($0.bytes) }
    }
  }
}
