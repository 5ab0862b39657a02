import TensorCore

/// Attention weights of something that is linear in its values, `[queryHeads, length, length]`: row
/// `i` says what the output at `i` takes of each value. It is asked for its outputs on unit vectors
/// in place of the values, `headDim` positions at a time.
///
/// - Parameter mix: values, `[length, keyValueHeads * headDim]`, to outputs,
///   `[length, queryHeads * headDim]`, of one sequence.
public func probedAttentionWeights(
  length: Int, shape: AttentionShape, mix: (_ values: Tensor) -> Tensor
) -> Tensor {
  var weights = Tensor(zeros: [shape.queryHeads, length, length])
  for first in stride(from: 0, to: length, by: shape.headDim) {
    let columns = min(shape.headDim, length - first)
    let output = mix(unitValues(first..<first + columns, length: length, shape: shape))
    withPointers(writing(&weights), output) { weights, output in
      for index in 0..<shape.queryHeads * length {
        let (head, row) = (index / length, index % length)
        (weights + index * length + first).update(
          from: output + row * shape.queryWidth + head * shape.headDim, count: columns)
      }
    }
  }
  return weights
}

/// The value at `positions[c]` is the unit vector `c` in every head, all others are zero.
private func unitValues(_ positions: Range<Int>, length: Int, shape: AttentionShape) -> Tensor {
  var values = Tensor(zeros: [length, shape.keyWidth])
  values.withMutablePointer { values in
    for (column, position) in positions.enumerated() {
      for head in 0..<shape.keyValueHeads {
        values[position * shape.keyWidth + head * shape.headDim + column] = 1
      }
    }
  }
  return values
}
