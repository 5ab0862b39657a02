import CVectorKernels
import TensorCore

extension AttentionShape {
  /// The memory that `continuedSoftmaxAttention` goes on from: no keys and values yet.
  public func makeMemory() -> Memory {
    precondition(isCausal, "bidirectional attention cannot be decoded: \(self)")
    var memory = Memory()
    memory.add("keys", KeptRows(width: keyWidth))
    memory.add("values", KeptRows(width: keyWidth))
    return memory
  }

  /// Keys, and values, in that memory after so many tokens read one by one.
  public func cachedRows(after tokens: Int, window: Int?) -> Int {
    guard let window, tokens > 2 * window else { return tokens }
    // Where there are more than twice the window's, the window's stay.
    return window + (tokens - 2 * window - 1) % (window + 1)
  }
}

/// Softmax attention of a sequence's next tokens, whose keys and values are then in `memory` as
/// those of the tokens before, all of them or, where there is a window, up to twice the window's.
///
/// - Parameters:
///   - queries: `[tokens, queryHeads * headDim]`.
///   - keys: `[tokens, keyValueHeads * headDim]`.
///   - values: as `keys`.
///   - window: keys a query sees, itself included; nil: all.
///   - memory: of `AttentionShape.makeMemory`; its position is left to the caller.
public func continuedSoftmaxAttention(
  queries: Tensor, keys: Tensor, values: Tensor, shape: AttentionShape, window: Int?,
  memory: inout Memory
) -> Tensor {
  shape.check(queries: queries, keys: keys, values: values, rows: queries.shape[0])
  memory[rows: "keys"].append(keys)
  memory[rows: "values"].append(values)
  let cached = memory[rows: "keys"].count
  let output = withPointers(memory[rows: "keys"].buffer, memory[rows: "values"].buffer) {
    cachedSoftmaxAttention(
      queries: queries, keys: $0, values: $1, cached: cached, shape: shape, window: window)
  }
  if let window, cached > 2 * window {
    memory[rows: "keys"].dropFirst(cached - window)
    memory[rows: "values"].dropFirst(cached - window)
  }
  return output
}

/// Of the last `queries.shape[0]` of `cached` tokens.
private func cachedSoftmaxAttention(
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
        shape.transformScores(scores, rows.count * columns)
        for (line, row) in rows.enumerated() {
          let score = scores + line * columns
          let visible = before + row + 1 - first
          let hidden = window.map { max(0, visible - $0) } ?? 0
          let maximum = shape.scoreFactor * vk_max(score + hidden, visible - hidden)
          let total = vk_exp_sum(
            score + hidden, score + hidden, visible - hidden, shape.scoreFactor, maximum)
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
