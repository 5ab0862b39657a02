import CVectorKernels
import TensorCore

/// Queries of one tile: scores of a tile stay in the cache, memory is linear in the length.
private let tileRows = 64

/// Softmax attention, `y_i = Σ_j softmax_j(scale q_i·k_j) v_j`, scores capped where the shape says so, over the keys `j ≤ i` of the same
/// segment, or over the last `window` of them (self included, as in Mistral); over every key of the
/// segment where the shape is not causal.
///
/// - Precondition: a window goes with a causal shape only.
/// - Returns: outputs `[tokens, queryHeads * headDim]`, zero on padding, and the log of the
///   normaliser of every row and head, `[tokens, queryHeads]`.
public func softmaxAttention(
  queries: Tensor, keys: Tensor, values: Tensor, shape: AttentionShape, layout: SequenceLayout,
  window: Int? = nil
) -> (output: Tensor, logNormalizers: Tensor) {
  shape.check(queries: queries, keys: keys, values: values, rows: layout.rows)
  shape.check(window: window)
  let d = shape.headDim
  var output = Tensor(uninitialized: [layout.rows, shape.queryWidth])
  var logNormalizers = Tensor(uninitialized: [layout.rows, shape.queryHeads])
  let tiles = attentionTiles(layout, isCausal: shape.isCausal)
  withPointers(writing(&output), writing(&logNormalizers), queries, keys, values) {
    output, logNormalizers, queries, keys, values in
    zeroPadding(layout, output, width: shape.queryWidth)
    zeroPadding(layout, logNormalizers, width: shape.queryHeads)
    WorkerPool.shared.parallel(tiles.count * shape.queryHeads) { task in
      let (tile, head) = (tiles[task / shape.queryHeads], task % shape.queryHeads)
      let keyHead = head / shape.group
      withScores(
        tile, queries + head * d, keys + keyHead * d, shape, window: window
      ) { scores, firstKey, stride in
        for row in 0..<tile.rows.count {
          let line = scores + row * stride
          let visible = visibleKeys(tile, row, firstKey, window)
          let maximum =
            shape.scoreFactor * vk_max(line + visible.lowerBound, visible.count)
          let total = vk_exp_sum(
            line + visible.lowerBound, line + visible.lowerBound, visible.count,
            shape.scoreFactor, maximum)
          vk_scale(
            line + visible.lowerBound, line + visible.lowerBound, 1 / total, visible.count)
          clear(line, 0..<visible.lowerBound)
          clear(line, visible.upperBound..<stride)
          logNormalizers[(tile.rows.lowerBound + row) * shape.queryHeads + head] =
            maximum + logarithm(total)
        }
        BLAS.multiply(
          m: tile.rows.count, n: d, k: stride, Matrix(scores, stride: stride),
          Matrix(
            values + (tile.segmentStart + firstKey) * shape.keyWidth + keyHead * d,
            stride: shape.keyWidth),
          into: output + tile.rows.lowerBound * shape.queryWidth + head * d,
          stride: shape.queryWidth)
      }
    }
  }
  return (output, logNormalizers)
}

/// Gradients of `softmaxAttention`. With `P = exp(scale q·k − logNormalizer)`, and with the slope of
/// the cap in `dS` where there is one:
/// `dP = dY Vᵀ`, `dS = P ⊙ (dP − rowsum(dY ⊙ Y))`, `dQ = scale dS K`, `dK = scale dSᵀ Q`,
/// `dV = Pᵀ dY`. The weights are formed again tile by tile.
public func softmaxAttentionGradients(
  _ gradient: Tensor, queries: Tensor, keys: Tensor, values: Tensor, output: Tensor,
  logNormalizers: Tensor, shape: AttentionShape, layout: SequenceLayout, window: Int? = nil
) -> (queries: Tensor, keys: Tensor, values: Tensor) {
  let d = shape.headDim
  let width = shape.queryWidth
  var queryGradient = Tensor(zeros: [layout.rows, width])
  // Per query head first: heads of a group would otherwise write one gradient from two workers.
  var keyGradient = Tensor(zeros: [layout.rows, width])
  var valueGradient = Tensor(zeros: [layout.rows, width])
  let tiles = attentionTiles(layout, isCausal: shape.isCausal)
  withPointers(
    writing(&queryGradient), writing(&keyGradient), writing(&valueGradient), gradient, queries,
    keys, values, output, logNormalizers
  ) {
    queryGradient, keyGradient, valueGradient, gradient, queries, keys, values, output,
    logNormalizers in
    WorkerPool.shared.parallel(shape.queryHeads) { head in
      let keyHead = head / shape.group
      for tile in tiles {
        withScores(
          tile, queries + head * d, keys + keyHead * d, shape, window: window, buffers: 2
        ) { weights, firstKey, stride in
          let rows = tile.rows.count
          let capped = shape.cappedScores(weights, rows * stride)
          let start = tile.rows.lowerBound * width + head * d
          let keyRow = tile.segmentStart + firstKey
          normalize(
            weights, stride, tile, firstKey, window, scale: shape.scoreFactor,
            logNormalizers: logNormalizers + tile.rows.lowerBound * shape.queryHeads + head,
            heads: shape.queryHeads)
          BLAS.multiply(
            m: stride, n: d, k: rows, Matrix(weights, stride: stride).transposed,
            Matrix(gradient + start, stride: width), beta: 1,
            into: valueGradient + keyRow * width + head * d, stride: width)
          let scores = weights + rows * stride
          BLAS.multiply(
            m: rows, n: stride, k: d, Matrix(gradient + start, stride: width),
            Matrix(values + keyRow * shape.keyWidth + keyHead * d, stride: shape.keyWidth)
              .transposed, into: scores, stride: stride)
          projectAndWeigh(
            scores, weights, rows, stride, gradient + start, output + start, width, d)
          capped?.withPointer { shape.backwardScores(scores, scores: $0, rows * stride) }
          BLAS.multiply(
            m: rows, n: d, k: stride, alpha: shape.productFactor, Matrix(scores, stride: stride),
            Matrix(keys + keyRow * shape.keyWidth + keyHead * d, stride: shape.keyWidth),
            into: queryGradient + start, stride: width)
          BLAS.multiply(
            m: stride, n: d, k: rows, alpha: shape.productFactor,
            Matrix(scores, stride: stride).transposed, Matrix(queries + start, stride: width),
            beta: 1, into: keyGradient + keyRow * width + head * d, stride: width)
        }
      }
    }
  }
  return (
    queryGradient, summedOverGroups(keyGradient, shape), summedOverGroups(valueGradient, shape)
  )
}

/// Weights in the place of the tile's scores; 0 for keys that a query does not see.
private func normalize(
  _ scores: UnsafeMutablePointer<Float>, _ stride: Int, _ tile: AttentionTile, _ firstKey: Int,
  _ window: Int?, scale: Float, logNormalizers: UnsafePointer<Float>, heads: Int
) {
  for row in 0..<tile.rows.count {
    let line = scores + row * stride
    let visible = visibleKeys(tile, row, firstKey, window)
    _ = vk_exp_sum(
      line + visible.lowerBound, line + visible.lowerBound, visible.count, scale,
      logNormalizers[row * heads])
    clear(line, 0..<visible.lowerBound)
    clear(line, visible.upperBound..<stride)
  }
}

/// `P ⊙ (dP − rowsum(dY ⊙ Y))` in the place of `dP`, `[rows, stride]`; rows of `dY` and `Y` are
/// `width` apart.
private func projectAndWeigh(
  _ scores: UnsafeMutablePointer<Float>, _ weights: UnsafePointer<Float>, _ rows: Int,
  _ stride: Int, _ gradient: UnsafePointer<Float>, _ output: UnsafePointer<Float>, _ width: Int,
  _ d: Int
) {
  for row in 0..<rows {
    let projection = vk_dot(gradient + row * width, output + row * width, d)
    let (line, weightLine) = (scores + row * stride, weights + row * stride)
    for key in 0..<stride { line[key] = weightLine[key] * (line[key] - projection) }
  }
}

/// Rows of attention weights in full, `[queryHeads, count, count]` of one segment: for inspection,
/// quadratic in memory.
public func softmaxAttentionWeights(
  queries: Tensor, keys: Tensor, shape: AttentionShape, segment: SequenceLayout.Segment,
  window: Int? = nil
) -> Tensor {
  let d = shape.headDim
  let count = segment.count
  var weights = Tensor(zeros: [shape.queryHeads, count, count])
  let layout = SequenceLayout(rows: segment.start + count, segments: [segment])
  let tiles = attentionTiles(layout, isCausal: shape.isCausal)
  withPointers(writing(&weights), queries, keys) { weights, queries, keys in
    WorkerPool.shared.parallel(tiles.count * shape.queryHeads) { task in
      let (tile, head) = (tiles[task / shape.queryHeads], task % shape.queryHeads)
      withScores(
        tile, queries + head * d, keys + head / shape.group * d, shape, window: window
      ) { scores, firstKey, stride in
        for row in 0..<tile.rows.count {
          let visible = visibleKeys(tile, row, firstKey, window)
          let line = scores + row * stride + visible.lowerBound
          let query = tile.rows.lowerBound - segment.start + row
          let target = weights + (head * count + query) * count + firstKey + visible.lowerBound
          let maximum = shape.scoreFactor * vk_max(line, visible.count)
          let total = vk_exp_sum(line, target, visible.count, shape.scoreFactor, maximum)
          vk_scale(target, target, 1 / total, visible.count)
        }
      }
    }
  }
  return weights
}

/// Rows of queries that are worked on together.
private struct AttentionTile {
  /// First row of the segment.
  let segmentStart: Int
  /// Rows of the activation.
  let rows: Range<Int>
  /// Keys of the segment from its start that some row sees.
  let reach: Int
  let isCausal: Bool
  /// The same, counted from the segment's start.
  var local: Range<Int> { rows.lowerBound - segmentStart..<rows.upperBound - segmentStart }
}

/// Longest first: the last tiles of a causal segment read the most keys.
private func attentionTiles(_ layout: SequenceLayout, isCausal: Bool) -> [AttentionTile] {
  layout.segments.flatMap { segment in
    stride(from: 0, to: segment.count, by: tileRows).reversed().map { start in
      let end = min(segment.count, start + tileRows)
      return AttentionTile(
        segmentStart: segment.start, rows: segment.start + start..<segment.start + end,
        reach: isCausal ? end : segment.count, isCausal: isCausal)
    }
  }
}

extension AttentionShape {
  /// A copy of what the slope of the cap is read from; nil without a cap.
  fileprivate func cappedScores(_ scores: UnsafePointer<Float>, _ count: Int) -> Tensor? {
    if softCap == nil { return nil }
    return Tensor(Array(UnsafeBufferPointer(start: scores, count: count)), [count])
  }
}

/// Scores of a tile against every key that any of its rows sees, but for the shape's `scoreFactor`:
/// `[rows, stride]`, with more buffers of that size behind it where the body needs them.
private func withScores(
  _ tile: AttentionTile, _ queries: UnsafePointer<Float>, _ keys: UnsafePointer<Float>,
  _ shape: AttentionShape, window: Int?, buffers: Int = 1,
  _ body: (_ scores: UnsafeMutablePointer<Float>, _ firstKey: Int, _ stride: Int) -> Void
) {
  let firstKey = window.map { max(0, tile.local.lowerBound - $0 + 1) } ?? 0
  let stride = tile.reach - firstKey
  var scratch = Tensor(uninitialized: [buffers, tile.rows.count, stride])
  scratch.withMutablePointer { scores in
    BLAS.multiply(
      m: tile.rows.count, n: stride, k: shape.headDim,
      Matrix(
        queries + tile.rows.lowerBound * shape.queryWidth, stride: shape.queryWidth),
      Matrix(keys + (tile.segmentStart + firstKey) * shape.keyWidth, stride: shape.keyWidth)
        .transposed,
      into: scores, stride: stride)
    shape.transformScores(scores, tile.rows.count * stride)
    body(scores, firstKey, stride)
  }
}

/// Columns of the tile's scores that a row sees.
private func visibleKeys(_ tile: AttentionTile, _ row: Int, _ firstKey: Int, _ window: Int?)
  -> Range<Int>
{
  if !tile.isCausal { return 0..<tile.reach }
  let query = tile.local.lowerBound + row
  let first = window.map { max(0, query - $0 + 1) } ?? 0
  return first - firstKey..<query + 1 - firstKey
}
