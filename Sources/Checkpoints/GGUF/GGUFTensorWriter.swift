import TensorCore

/// Appends one tensor's elements to a file, in the type that its entry wants.
struct GGUFTensorWriter {
  private let entry: GGUFWriter.Entry
  private let tensor: StoredTensor
  /// For messages.
  private let path: String

  init(_ entry: GGUFWriter.Entry, _ tensor: StoredTensor, path: String) {
    precondition(
      tensor.shape.filter { $0 != 1 } == entry.shape.filter { $0 != 1 },
      "\(entry.name) was made as \(tensor.shape), expected \(entry.shape)")
    self.entry = entry
    self.tensor = tensor
    self.path = path
  }

  func write(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
    if tensor.elementType == entry.type {
      try tensor.forEachRun(write)
      return
    }
    try tensor.forEachWidenedBlock { block in
      try requireHeld(block)
      let output = narrowed(block, rows: block.count / tensor.rowLength)
      try withExtendedLifetime(output) { try write($0.bytes) }
    }
  }

  private func narrowed(_ block: Tensor, rows: Int) -> ByteBuffer {
    let rowBytes = entry.type.bytes(of: tensor.rowLength)
    let output = ByteBuffer(count: rows * rowBytes)
    block.withPointer { floats in
      WorkerPool.shared.parallel(rows) { row in
        narrow(
          floats + row * tensor.rowLength, count: tensor.rowLength, to: entry.type,
          into: output.base + row * rowBytes)
      }
    }
    return output
  }

  /// What is not finite has no blocks, and beyond 65504 a value would silently become infinite.
  private func requireHeld(_ block: Tensor) throws {
    if entry.type == .float32 || entry.type == .bfloat16 { return }
    let found: Float? = block.withPointer {
      let values = UnsafeBufferPointer(start: $0, count: block.count)
      return values.first { !($0.magnitude <= 65_504) }
    }
    guard let found else { return }
    throw CheckpointError(
      path, "tensor \(entry.name)", found: "the value \(found)",
      expected: "at most 65504 in magnitude, where half precision ends",
      remedy: "choose the type f32 or bf16; nothing was written")
  }
}
