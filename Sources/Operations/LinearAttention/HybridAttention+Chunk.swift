import CVectorKernels
import TensorCore

/// Keys, values and key features of one head, row `j − firstPosition` for the key at position `j`.
struct HybridKeys {
  let firstPosition: Int
  let keys, values, features: UnsafePointer<Float>
  /// The first rows, of which there are features. Decoding makes no others: what is no longer in the
  /// window of some query is among them.
  let featureRows: Int
}

/// One head of one sequence, as pointers into strided rows. Training, prefill and decoding all
/// compute their chunks here.
struct HybridHead {
  let shape: HybridAttentionShape
  let logit: Float
  /// Rows of the sequence among the activation's, and the position of the first of them.
  let segment: SequenceLayout.Segment
  let firstQuery: Int
  /// Row 0 is the query at `firstQuery`.
  let queries, queryFeatures: UnsafePointer<Float>
  let near: HybridKeys
  /// Row 0 is the sequence's first token.
  let sinkKeys, sinkValues: UnsafePointer<Float>

  var d: Int { shape.attention.headDim }
  var f: Int { shape.featureDim }
  var queryStride: Int { shape.attention.queryWidth }
  var keyStride: Int { shape.attention.keyWidth }
  var featureStride: Int { shape.featureWidth }

  func keys(at position: Int) -> UnsafePointer<Float> {
    near.keys + (position - near.firstPosition) * keyStride
  }
  func values(at position: Int) -> UnsafePointer<Float> {
    near.values + (position - near.firstPosition) * keyStride
  }
  func features(at position: Int) -> UnsafePointer<Float> {
    near.features + (position - near.firstPosition) * featureStride
  }

  var chunks: [HybridChunk] { shape.chunks(of: segment.count) }
}

/// A chunk of queries and the columns its weights have: sinks that lie before the near keys, then
/// every key from `nearStart` to the chunk's end. Bidirectional queries have no columns: what they
/// see, all keys, is one state.
struct HybridChunk {
  /// Positions in the sequence.
  let queries: Range<Int>
  /// Keys before this position have left the window of every query of the chunk.
  let nearStart: Int
  let nearColumns: Int
  let sinkColumns: Int
  /// Some near key has left the window of some query of the chunk.
  let hasLinearNear: Bool

  /// - Parameter keys: all of the sequence's.
  init(_ queries: Range<Int>, of keys: Int, _ shape: HybridAttentionShape) {
    self.queries = queries
    guard shape.attention.isCausal else {
      (nearStart, nearColumns, sinkColumns, hasLinearNear) = (keys, 0, 0, false)
      return
    }
    let firstWindow = shape.window.start(of: queries.lowerBound)
    nearStart = min(firstWindow, queries.lowerBound)
    nearColumns = queries.upperBound - nearStart
    sinkColumns = min(shape.sinks, nearStart)
    hasLinearNear = shape.window.start(of: queries.upperBound - 1) > nearStart
  }

  var columns: Int { sinkColumns + nearColumns }

  /// Ends of the columns of one query's row: sinks `[0, sinks)` and window
  /// `[window, visible)` are softmax, `[sinks, window)` is linear, the rest is the future.
  func row(_ query: Int, _ shape: HybridAttentionShape) -> (sinks: Int, window: Int, visible: Int) {
    let visible = sinkColumns + max(0, query + 1 - nearStart)
    let sinks = min(visible, sinkColumns + max(0, shape.sinks - nearStart))
    let window = max(sinks, sinkColumns + shape.window.start(of: query) - nearStart)
    return (sinks, min(window, visible), visible)
  }
}

extension HybridHead {
  /// Adds the keys of a range of positions to the state, sinks left out.
  func absorb(_ positions: Range<Int>, into state: inout HybridState) {
    if positions.isEmpty { return }
    let first = max(positions.lowerBound, min(shape.sinks, positions.upperBound))
    let count = positions.upperBound - first
    if count > 0 {
      BLAS.multiply(
        m: f, n: d, k: count, Matrix(features(at: first), stride: featureStride).transposed,
        Matrix(values(at: first), stride: keyStride), beta: 1, into: state.sums, stride: d)
      for key in 0..<count { vk_add_scaled(state.normalizer, features(at: first + key), 1, f) }
    }
    state.absorbed = positions.upperBound
  }

  /// Unnormalised weights of a chunk's sink and near columns, `[queries, columns]`.
  ///
  /// - Parameters:
  ///   - known: `c_i`, one a query, `queryHeads` apart; nil: to be found.
  ///   - found: where they are put then.
  ///   - totals: sums of the rows, or nil.
  ///   - scores: where capped scores are kept, `[queries, columns]`, for the slope of the cap.
  func weights(
    _ chunk: HybridChunk, into weights: UnsafeMutablePointer<Float>,
    known: UnsafePointer<Float>? = nil, found: UnsafeMutablePointer<Float>? = nil,
    totals: UnsafeMutablePointer<Float>? = nil, scores: UnsafeMutablePointer<Float>? = nil
  ) {
    let (gamma, lambda) = shape.factors(logit)
    let scale = shape.attention.scoreFactor
    let count = chunk.queries.count
    let stride = chunk.columns
    let local = chunk.queries.lowerBound - firstQuery
    let hasWindow = shape.hasWindow
    if hasWindow {
      BLAS.multiply(
        m: count, n: chunk.sinkColumns, k: d,
        Matrix(queries + local * queryStride, stride: queryStride),
        Matrix(sinkKeys, stride: keyStride).transposed, into: weights, stride: stride)
      BLAS.multiply(
        m: count, n: chunk.nearColumns, k: d,
        Matrix(queries + local * queryStride, stride: queryStride),
        Matrix(keys(at: chunk.nearStart), stride: keyStride).transposed,
        into: weights + chunk.sinkColumns, stride: stride)
      shape.attention.transformScores(weights, count * stride)
      scores?.update(from: weights, count: count * stride)
    }
    var linear = Tensor(uninitialized: [chunk.hasLinearNear ? count : 0, chunk.nearColumns])
    linear.withMutablePointer { linear in
      if chunk.hasLinearNear {
        let columns = min(
          chunk.nearColumns, near.featureRows - (chunk.nearStart - near.firstPosition))
        BLAS.multiply(
          m: count, n: columns, k: f, alpha: lambda,
          Matrix(queryFeatures + local * featureStride, stride: featureStride),
          Matrix(features(at: chunk.nearStart), stride: featureStride).transposed, into: linear,
          stride: chunk.nearColumns)
      }
      for query in 0..<count {
        let line = weights + query * stride
        let ends = chunk.row(chunk.queries.lowerBound + query, shape)
        let recent = line + ends.window
        let recentCount = ends.visible - ends.window
        var total: Float = 0
        if hasWindow {
          let slot = query * shape.attention.queryHeads
          let maximum =
            known?[slot] ?? scale * max(vk_max(line, ends.sinks), vk_max(recent, recentCount))
          found?[slot] = maximum
          let shift = maximum - logarithm(gamma)
          total += vk_exp_sum(line, line, ends.sinks, scale, shift)
          total += vk_exp_sum(recent, recent, recentCount, scale, shift)
        } else {
          clear(line, 0..<ends.sinks)
          clear(line, ends.window..<ends.visible)
        }
        let linearCount = ends.window - ends.sinks
        if linearCount > 0 {
          let source = linear + query * chunk.nearColumns + ends.sinks - chunk.sinkColumns
          (line + ends.sinks).update(from: source, count: linearCount)
          total += vk_sum(source, linearCount)
        }
        clear(line, ends.visible..<stride)
        totals?[query] = total
      }
    }
  }

  /// Outputs and statistics of the whole segment, into tensors of the rows of `SequenceLayout`.
  func forward(
    output: UnsafeMutablePointer<Float>, maxima: UnsafeMutablePointer<Float>,
    normalizers: UnsafeMutablePointer<Float>, divides: Bool
  ) {
    let heads = shape.attention.queryHeads
    HybridState.withZeros(shape) { state in
      for chunk in chunks {
        absorb(state.absorbed..<chunk.nearStart, into: &state)
        let row = segment.start + chunk.queries.lowerBound
        forward(
          chunk, state: state, output: output + row * queryStride, maxima: maxima + row * heads,
          normalizers: normalizers + row * heads, divides: divides)
      }
    }
  }

  /// Outputs and statistics of a chunk; rows are `queryWidth` and `queryHeads` apart.
  ///
  /// - Parameter divides: whether outputs are divided by their normalisers; otherwise they are the
  ///   numerators that `AttentionBranch` speaks of.
  func forward(
    _ chunk: HybridChunk, state: HybridState, output: UnsafeMutablePointer<Float>,
    maxima: UnsafeMutablePointer<Float>, normalizers: UnsafeMutablePointer<Float>,
    divides: Bool
  ) {
    let count = chunk.queries.count
    let heads = shape.attention.queryHeads
    var scratch = Tensor(uninitialized: [count * (chunk.columns + 1)])
    scratch.withMutablePointer { weights in
      let totals = weights + count * chunk.columns
      sums(chunk, state: state, weights: weights, totals: totals, output: output, maxima: maxima)
      for query in 0..<count {
        guard divides else {
          normalizers[query * heads] = totals[query]
          continue
        }
        let normalizer = totals[query] + shape.epsilon
        normalizers[query * heads] = normalizer
        vk_scale(output + query * queryStride, output + query * queryStride, 1 / normalizer, d)
      }
    }
  }

  /// Weighted sums of values in `output`, and the sums of their weights in `totals`, `[queries]`.
  private func sums(
    _ chunk: HybridChunk, state: HybridState, weights: UnsafeMutablePointer<Float>,
    totals: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>,
    maxima: UnsafeMutablePointer<Float>
  ) {
    let (_, lambda) = shape.factors(logit)
    let count = chunk.queries.count
    let local = chunk.queries.lowerBound - firstQuery
    self.weights(chunk, into: weights, found: maxima, totals: totals)
    BLAS.multiply(
      m: count, n: d, k: chunk.nearColumns,
      Matrix(weights + chunk.sinkColumns, stride: chunk.columns),
      Matrix(values(at: chunk.nearStart), stride: keyStride), into: output, stride: queryStride)
    // Where the window is mute sinks weigh nothing, and decoding does not keep them.
    if chunk.sinkColumns > 0, shape.hasWindow {
      BLAS.multiply(
        m: count, n: d, k: chunk.sinkColumns, Matrix(weights, stride: chunk.columns),
        Matrix(sinkValues, stride: keyStride), beta: 1, into: output, stride: queryStride)
    }
    if state.absorbed > shape.sinks {
      BLAS.multiply(
        m: count, n: d, k: f, alpha: lambda,
        Matrix(queryFeatures + local * featureStride, stride: featureStride),
        Matrix(state.sums, stride: d), beta: 1, into: output, stride: queryStride)
      for query in 0..<count {
        totals[query] +=
          lambda * vk_dot(queryFeatures + (local + query) * featureStride, state.normalizer, f)
      }
    }
  }
}
