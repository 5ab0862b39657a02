import CVectorKernels
import TensorCore

/// Gradients of `hybridAttention`; those of queries, keys and values only where asked for.
public struct HybridAttentionGradients: Sendable {
  /// For queries, `[tokens, queryHeads * headDim]`; nil where not asked for.
  public var queries: Tensor?
  /// For keys, `[tokens, keyValueHeads * headDim]`; nil where not asked for.
  public var keys: Tensor?
  /// For values, `[tokens, keyValueHeads * headDim]`; nil where not asked for.
  public var values: Tensor?
  /// For the features of queries, `[tokens, queryHeads * featureDim]`.
  public var queryFeatures: Tensor
  /// For the features of keys, `[tokens, queryHeads * featureDim]`.
  public var keyFeatures: Tensor
  /// For the logits, `[queryHeads]`.
  public var windowFactors: Tensor
}

/// Gradients of `hybridAttention`, chunk by chunk: those that need the state of earlier keys from
/// the first, the others from the last, with the gradient of the state carried backwards. With
/// `dN = dY / D` and `dD = −rowsum(dY ⊙ Y) / D` every weight has the gradient `dN·v + dD`; `c_i` is a
/// function of the products too, so the gradient of a row's softmax weights, summed, is taken from
/// its largest product.
///
/// - Parameter projections: whether gradients for queries, keys and values are wanted.
public func hybridAttentionGradients(
  _ gradient: Tensor, queries: Tensor, keys: Tensor, values: Tensor, queryFeatures: Tensor,
  keyFeatures: Tensor, windowFactors: Tensor, output: Tensor,
  statistics: HybridAttentionStatistics, shape: HybridAttentionShape, layout: SequenceLayout,
  projections: Bool
) -> HybridAttentionGradients {
  precondition(!shape.mutesWindow, "a student with a muted window is measured, not trained")
  let operands = HybridOperands(
    queries: queries, keys: keys, values: values, queryFeatures: queryFeatures,
    keyFeatures: keyFeatures)
  return operands.gradients(
    .quotient(gradient, output: output, normalizers: statistics.normalizers),
    maxima: statistics.maxima, windowFactors: windowFactors, shape: shape, layout: layout,
    products: projections, values: projections)
}

/// What the backward pass starts from.
enum HybridSeed {
  /// The gradient of outputs, `[tokens, queryHeads * headDim]`, and what they were divided by.
  case quotient(_ gradient: Tensor, output: Tensor, normalizers: Tensor)
  /// Gradients of numerators, denominators and, where they count, log scales.
  case branch(numerators: Tensor, denominators: Tensor, logScales: Tensor?)

  /// Those of the case, in its order.
  var tensors: [Tensor] {
    switch self {
    case .quotient(let gradient, let output, let normalizers): [gradient, output, normalizers]
    case .branch(let numerators, let denominators, let logScales):
      [numerators, denominators] + (logScales.map { [$0] } ?? [])
    }
  }
}

extension HybridOperands {
  /// - Parameters:
  ///   - maxima: `c_i`, `[tokens, queryHeads]`.
  ///   - products: whether gradients for queries and keys are wanted.
  ///   - wantsValues: whether those for values are.
  func gradients(
    _ seed: HybridSeed, maxima: Tensor, windowFactors: Tensor, shape: HybridAttentionShape,
    layout: SequenceLayout, products: Bool, values wantsValues: Bool
  ) -> HybridAttentionGradients {
    let heads = shape.attention.queryHeads
    let perHead: Shape = [layout.rows, shape.attention.queryWidth]
    var queryGradient = Tensor(zeros: products ? perHead : [0])
    var keyGradient = Tensor(zeros: products ? perHead : [0])
    var valueGradient = Tensor(zeros: wantsValues ? perHead : [0])
    var queryFeatureGradient = Tensor(zeros: [layout.rows, shape.featureWidth])
    var keyFeatureGradient = Tensor(zeros: [layout.rows, shape.featureWidth])
    // One slot a segment and head, summed in order below.
    var factorParts = Tensor(zeros: [layout.segments.count, heads])
    let segmentIndex = Dictionary(
      uniqueKeysWithValues: layout.segments.enumerated().map { ($1.start, $0) })
    withPointers(
      writing(&queryGradient), writing(&keyGradient), writing(&valueGradient),
      writing(&queryFeatureGradient), writing(&keyFeatureGradient), writing(&factorParts),
      seed.tensors, maxima
    ) { dQ, dK, dV, dPhiQ, dPhiK, dFactors, seeds, maxima in
      withHeads(shape: shape, layout: layout, windowFactors: windowFactors) { head, slot in
        let start = head.segment.start
        let queryOffset = start * shape.attention.queryWidth + slot * shape.attention.headDim
        let featureOffset = start * shape.featureWidth + slot * shape.featureDim
        let rowOffset = start * heads + slot
        let backward = HybridBackward(
          head: head,
          seed: HybridSeedRows(seed, seeds, queryOffset: queryOffset, rowOffset: rowOffset),
          maxima: maxima + rowOffset, dQ: products ? dQ + queryOffset : nil,
          dK: products ? dK + queryOffset : nil, dV: wantsValues ? dV + queryOffset : nil,
          dPhiQ: dPhiQ + featureOffset, dPhiK: dPhiK + featureOffset)
        dFactors[segmentIndex[start]! * heads + slot] = backward.run()
      }
    }
    return HybridAttentionGradients(
      queries: products ? queryGradient : nil,
      keys: products ? summedOverGroups(keyGradient, shape.attention) : nil,
      values: wantsValues ? summedOverGroups(valueGradient, shape.attention) : nil,
      queryFeatures: queryFeatureGradient, keyFeatures: keyFeatureGradient,
      windowFactors: windowFactorGradient(factorParts, windowFactors, shape))
  }
}

/// Sum over the segments of `parts`, `[segments, queryHeads]`, shaped as the factors are. Without
/// a window nothing reads them, and they may be empty.
func windowFactorGradient(_ parts: Tensor, _ factors: Tensor, _ shape: HybridAttentionShape)
  -> Tensor
{
  if shape.window == .none { return Tensor(zeros: factors.shape) }
  return columnSums(parts, width: shape.attention.queryHeads).reshaped(factors.shape)
}

/// The same of one head of one segment; rows are `queryWidth` and `queryHeads` apart.
private enum HybridSeedRows {
  case quotient(
    dY: UnsafePointer<Float>, y: UnsafePointer<Float>, normalizers: UnsafePointer<Float>)
  case branch(
    dN: UnsafePointer<Float>, dD: UnsafePointer<Float>, logScales: UnsafePointer<Float>?)

  init(
    _ seed: HybridSeed, _ tensors: [UnsafePointer<Float>], queryOffset: Int, rowOffset: Int
  ) {
    switch seed {
    case .quotient:
      self = .quotient(
        dY: tensors[0] + queryOffset, y: tensors[1] + queryOffset,
        normalizers: tensors[2] + rowOffset)
    case .branch(_, _, let logScales):
      self = .branch(
        dN: tensors[0] + queryOffset, dD: tensors[1] + rowOffset,
        logScales: logScales == nil ? nil : tensors[2] + rowOffset)
    }
  }

  /// What the largest product of a row gets besides its weight's share, whose `total` is the sum
  /// over the row: `c_i` is that product. The log scale of a branch that nobody asks about cancels
  /// in whatever is made of the branch, and so does its gradient.
  func largestProductGradient(_ total: Float, row: Int) -> Float {
    switch self {
    case .quotient: -total
    case .branch(_, _, let logScales): logScales.map { $0[row] - total } ?? 0
    }
  }
}

/// The backward pass of one head of one segment. Legend: `P` unnormalised weights, `N` numerator,
/// `D` normaliser, `S` and `z` the state, `R` and `r` the gradients of later chunks for it.
private struct HybridBackward {
  let head: HybridHead
  let seed: HybridSeedRows
  let maxima: UnsafePointer<Float>
  /// Per query head, rows `queryWidth` apart.
  let dQ, dK, dV: UnsafeMutablePointer<Float>?
  /// Rows `featureWidth` apart.
  let dPhiQ, dPhiK: UnsafeMutablePointer<Float>

  /// Two sweeps: one with the state that earlier keys make, one with the gradient that later
  /// queries have for it. Neither is kept of every chunk, so memory does not grow with the length.
  ///
  /// - Returns: the gradient of the window factor's logit.
  func run() -> Float {
    let chunks = head.chunks
    var gammaGradient: Float = 0
    var lambdaGradient: Float = 0
    HybridState.withZeros(head.shape) { state in
      for chunk in chunks {
        head.absorb(state.absorbed..<chunk.nearStart, into: &state)
        queryGradients(chunk, state: state, lambdaGradient: &lambdaGradient)
      }
    }
    HybridState.withZeros(head.shape) { later in
      for (index, chunk) in chunks.enumerated().reversed() {
        chunkGradients(
          chunk, later: later, gammaGradient: &gammaGradient, lambdaGradient: &lambdaGradient)
        let absorbedBefore = index > 0 ? chunks[index - 1].nearStart : 0
        absorptionGradients(absorbedBefore..<chunk.nearStart, later: later)
      }
    }
    if head.shape.window == .none { return 0 }
    let gamma = head.shape.factors(head.logit).window
    let total = head.shape.isAffine ? gammaGradient - lambdaGradient : gammaGradient
    return total * gamma * (1 - gamma)
  }

  /// `dN`, `[queries, headDim]`, and `dD`, `[queries]`, of a chunk.
  private func quotientGradients(
    _ chunk: HybridChunk, dN: UnsafeMutablePointer<Float>, dD: UnsafeMutablePointer<Float>
  ) {
    let (d, heads) = (head.d, head.shape.attention.queryHeads)
    for (query, position) in chunk.queries.enumerated() {
      let row = position * head.queryStride
      switch seed {
      case .quotient(let dY, let y, let normalizers):
        vk_scale(dY + row, dN + query * d, 1 / normalizers[position * heads], d)
        dD[query] = -vk_dot(dN + query * d, y + row, d)
      case .branch(let gradient, let denominators, _):
        (dN + query * d).update(from: gradient + row, count: d)
        dD[query] = denominators[position * heads]
      }
    }
  }

  private func chunkGradients(
    _ chunk: HybridChunk, later: HybridState, gammaGradient: inout Float,
    lambdaGradient: inout Float
  ) {
    let (d, f) = (head.d, head.f)
    let heads = head.shape.attention.queryHeads
    let (gamma, lambda) = head.shape.factors(head.logit)
    let count = chunk.queries.count
    let first = chunk.queries.lowerBound
    let columns = chunk.columns
    let near = chunk.nearColumns
    var scratch = Tensor(
      uninitialized: [
        count * (2 * columns + d + 1) + (chunk.hasLinearNear ? count * near : 0)
      ])
    let isCapped = head.shape.hasWindow && head.shape.attention.softCap != nil
    var capped = Tensor(uninitialized: [isCapped ? count * columns : 0])
    withPointers(writing(&scratch), writing(&capped)) { weights, scores in
      let dWeights = weights + count * columns
      let dN = dWeights + count * columns
      let dD = dN + count * d
      let dLinear = dD + count

      head.weights(
        chunk, into: weights, known: maxima + first * heads, scores: isCapped ? scores : nil)
      quotientGradients(chunk, dN: dN, dD: dD)
      if let dV {
        BLAS.multiply(
          m: near, n: d, k: count, Matrix(weights + chunk.sinkColumns, stride: columns).transposed,
          Matrix(dN, stride: d), beta: 1, into: dV + chunk.nearStart * head.queryStride,
          stride: head.queryStride)
        BLAS.multiply(
          m: chunk.sinkColumns, n: d, k: count, Matrix(weights, stride: columns).transposed,
          Matrix(dN, stride: d), beta: 1, into: dV, stride: head.queryStride)
      }
      BLAS.multiply(
        m: count, n: near, k: d, Matrix(dN, stride: d),
        Matrix(head.values(at: chunk.nearStart), stride: head.keyStride).transposed,
        into: dWeights + chunk.sinkColumns, stride: columns)
      BLAS.multiply(
        m: count, n: chunk.sinkColumns, k: d, Matrix(dN, stride: d),
        Matrix(head.sinkValues, stride: head.keyStride).transposed, into: dWeights, stride: columns)

      for query in 0..<count {
        let ends = chunk.row(first + query, head.shape)
        let weight = weights + query * columns
        let line = dWeights + query * columns
        for column in 0..<ends.visible { line[column] += dD[query] }
        if chunk.hasLinearNear {
          let linear = dLinear + query * near
          clear(linear, 0..<near)
          vk_scale(
            line + ends.sinks, linear + ends.sinks - chunk.sinkColumns, lambda,
            ends.window - ends.sinks)
          let windowed = ends.window - ends.sinks
          lambdaGradient +=
            head.shape.isAffine
            ? vk_dot(line + ends.sinks, weight + ends.sinks, windowed) / lambda : 0
        }
        clear(line, ends.sinks..<ends.window)
        clear(line, ends.visible..<columns)
        guard head.shape.hasWindow else { continue }
        // From weights to products; what remains in `line` is the gradient of scores.
        var largest = ends.sinks > 0 ? 0 : ends.window
        for column in 0..<ends.visible where column < ends.sinks || column >= ends.window {
          if weight[column] > weight[largest] { largest = column }
        }
        clear(weight, ends.sinks..<ends.window)
        vk_multiply(line, weight, line, columns)
        let total = vk_sum(line, ends.visible)
        gammaGradient += total / gamma
        line[largest] += seed.largestProductGradient(total, row: (first + query) * heads)
      }
      if isCapped {
        head.shape.attention.backwardScores(dWeights, scores: scores, count * columns)
      }
      if head.shape.hasWindow, let dQ, let dK { productGradients(chunk, dWeights, dQ, dK) }
      if chunk.hasLinearNear {
        BLAS.multiply(
          m: count, n: f, k: near, Matrix(dLinear, stride: near),
          Matrix(head.features(at: chunk.nearStart), stride: head.featureStride), beta: 1,
          into: dPhiQ + first * head.featureStride, stride: head.featureStride)
        BLAS.multiply(
          m: near, n: f, k: count, Matrix(dLinear, stride: near).transposed,
          Matrix(head.queryFeatures + first * head.featureStride, stride: head.featureStride),
          beta: 1, into: dPhiK + chunk.nearStart * head.featureStride, stride: head.featureStride)
      }
      addStateGradient(of: chunk, to: later, dN: dN, dD: dD)
    }
  }

  /// `dQ += scale dA K`, `dK += scale dAᵀ Q` over sinks and near keys.
  private func productGradients(
    _ chunk: HybridChunk, _ dA: UnsafePointer<Float>, _ dQ: UnsafeMutablePointer<Float>,
    _ dK: UnsafeMutablePointer<Float>
  ) {
    let scale = head.shape.attention.productFactor
    let row = chunk.queries.lowerBound * head.queryStride
    for (column, count, keys, target) in [
      (
        chunk.sinkColumns, chunk.nearColumns, head.keys(at: chunk.nearStart),
        dK + chunk.nearStart * head.queryStride
      ),
      (0, chunk.sinkColumns, head.sinkKeys, dK),
    ] {
      BLAS.multiply(
        m: chunk.queries.count, n: head.d, k: count, alpha: scale,
        Matrix(dA + column, stride: chunk.columns), Matrix(keys, stride: head.keyStride), beta: 1,
        into: dQ + row, stride: head.queryStride)
      BLAS.multiply(
        m: count, n: head.d, k: chunk.queries.count, alpha: scale,
        Matrix(dA + column, stride: chunk.columns).transposed,
        Matrix(head.queries + row, stride: head.queryStride), beta: 1, into: target,
        stride: head.queryStride)
    }
  }

  /// `dφq += λ (dN Sᵀ + dD z)`.
  private func queryGradients(
    _ chunk: HybridChunk, state: HybridState, lambdaGradient: inout Float
  ) {
    guard chunk.nearStart > head.shape.sinks else { return }
    let (d, f) = (head.d, head.f)
    let lambda = head.shape.factors(head.logit).linear
    let count = chunk.queries.count
    let offset = chunk.queries.lowerBound * head.featureStride
    var scratch = Tensor(uninitialized: [count * (d + 1 + f)])
    scratch.withMutablePointer { dN in
      let dD = dN + count * d
      let dState = dD + count
      quotientGradients(chunk, dN: dN, dD: dD)
      BLAS.multiply(
        m: count, n: f, k: d, Matrix(dN, stride: d), Matrix(state.sums, stride: d).transposed,
        into: dState, stride: f)
      for query in 0..<count {
        let features = head.queryFeatures + offset + query * head.featureStride
        vk_add_scaled(dState + query * f, state.normalizer, dD[query], f)
        if head.shape.isAffine { lambdaGradient += vk_dot(features, dState + query * f, f) }
        vk_add_scaled(
          dPhiQ + offset + query * head.featureStride, dState + query * f, lambda, f)
      }
    }
  }

  /// `R += λ φqᵀ dN`, `r += λ Σ dD φq`.
  private func addStateGradient(
    of chunk: HybridChunk, to later: HybridState, dN: UnsafePointer<Float>,
    dD: UnsafePointer<Float>
  ) {
    guard chunk.nearStart > head.shape.sinks else { return }
    let (d, f) = (head.d, head.f)
    let lambda = head.shape.factors(head.logit).linear
    let count = chunk.queries.count
    let features = head.queryFeatures + chunk.queries.lowerBound * head.featureStride
    BLAS.multiply(
      m: f, n: d, k: count, alpha: lambda,
      Matrix(features, stride: head.featureStride).transposed, Matrix(dN, stride: d), beta: 1,
      into: later.sums, stride: d)
    for query in 0..<count {
      vk_add_scaled(later.normalizer, features + query * head.featureStride, lambda * dD[query], f)
    }
  }

  /// Keys that entered the state: `dφk += V Rᵀ + r`, `dV += φk R`.
  private func absorptionGradients(_ positions: Range<Int>, later: HybridState) {
    let first = max(positions.lowerBound, min(head.shape.sinks, positions.upperBound))
    let count = positions.upperBound - first
    if count <= 0 { return }
    let (d, f) = (head.d, head.f)
    let target = dPhiK + first * head.featureStride
    BLAS.multiply(
      m: count, n: f, k: d, Matrix(head.values(at: first), stride: head.keyStride),
      Matrix(later.sums, stride: d).transposed, beta: 1, into: target, stride: head.featureStride)
    for key in 0..<count {
      vk_add_scaled(target + key * head.featureStride, later.normalizer, 1, f)
    }
    if let dV {
      BLAS.multiply(
        m: count, n: d, k: f, Matrix(head.features(at: first), stride: head.featureStride),
        Matrix(later.sums, stride: d), beta: 1, into: dV + first * head.queryStride,
        stride: head.queryStride)
    }
  }
}
