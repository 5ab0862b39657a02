import CVectorKernels
import TensorCore

/// Softmax attention of the last `queries.shape[0]` tokens against cached keys and values, theirs
/// included.
///
/// - Parameters:
///   - queries: `[tokens, queryHeads * headDim]`.
///   - keys, values: `[cached, keyValueHeads * headDim]`.
///   - window: keys a query sees, itself included; nil: all.
public func continuedSoftmaxAttention(
  queries: Tensor, keys: UnsafePointer<Float>, values: UnsafePointer<Float>, cached: Int,
  shape: AttentionShape, window: Int?
) -> Tensor {
  let d = shape.headDim
  let tokens = queries.shape[0]
  let before = cached - tokens
  precondition(shape.isCausal, "only causal attention goes on from cached keys")
  precondition(before >= 0, "\(tokens) queries for \(cached) cached keys")
  let tiles = stride(from: 0, to: tokens, by: 64).map { $0..<min($0 + 64, tokens) }
  var output = Tensor(uninitialized: [tokens, shape.queryWidth])
  withPointers(writing(&output), queries) { output, queries in
    WorkerPool.shared.parallel(tiles.count * shape.queryHeads) { task in
      let (rows, head) = (tiles[task / shape.queryHeads], task % shape.queryHeads)
      let keyOffset = head / shape.group * d
      let first = window.map { max(0, before + rows.lowerBound - $0 + 1) } ?? 0
      let columns = before + rows.upperBound - first
      let offset = rows.lowerBound * shape.queryWidth + head * d
      var scratch = Tensor(uninitialized: [rows.count, columns])
      scratch.withMutablePointer { scores in
        BLAS.multiply(
          m: rows.count, n: columns, k: d, Matrix(queries + offset, stride: shape.queryWidth),
          Matrix(keys + first * shape.keyWidth + keyOffset, stride: shape.keyWidth).transposed,
          into: scores, stride: columns)
        for (line, row) in rows.enumerated() {
          let score = scores + line * columns
          let visible = before + row + 1 - first
          let hidden = window.map { max(0, visible - $0) } ?? 0
          let maximum = shape.scale * vk_max(score + hidden, visible - hidden)
          let total = vk_exp_sum(
            score + hidden, score + hidden, visible - hidden, shape.scale, maximum)
          vk_scale(score + hidden, score + hidden, 1 / total, visible - hidden)
          clear(score, 0..<hidden)
          clear(score, visible..<columns)
        }
        BLAS.multiply(
          m: rows.count, n: d, k: columns, Matrix(scores, stride: columns),
          Matrix(values + first * shape.keyWidth + keyOffset, stride: shape.keyWidth),
          into: output + offset, stride: shape.queryWidth)
      }
    }
  }
  return output
}
