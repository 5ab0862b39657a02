import TensorCore

/// Rows of a table in its stored type: `[ids.count, width]`.
///
/// - Precondition: every id is a row of the table; loaders check user input before.
public func embedding(_ ids: [Int32], table: StoredTensor) -> Tensor {
  let width = table.rowLength
  var output = Tensor(uninitialized: [ids.count, width])
  output.withMutablePointer { output in
    WorkerPool.shared.parallelRanges(ids.count, minimum: 64) { range in
      for position in range {
        let row = Int(ids[position])
        table.widen(rows: row..<row + 1, into: output + position * width)
      }
    }
  }
  return output
}
