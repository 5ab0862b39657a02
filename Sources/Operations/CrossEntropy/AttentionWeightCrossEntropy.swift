import CVectorKernels
import TensorCore

/// What keeps the logarithm of a student's attention weight finite.
public enum AttentionWeightFloor: String, Sendable, CaseIterable {
  /// `log max(Â, 1e-12)`, no gradient below (the LoLCATs code).
  case clamp
  /// `log(Â + 1e-9)` (Hedgehog, arXiv 2402.04347).
  case add

  /// The logarithm, and `Â` times its derivative for `Â`.
  fileprivate func logarithm(_ weight: Float) -> (value: Float, elasticity: Float) {
    switch self {
    case .clamp:
      (Operations.logarithm(max(weight, 1e-12)), weight > 1e-12 ? 1 : 0)
    case .add:
      (Operations.logarithm(weight + 1e-9), weight / (weight + 1e-9))
    }
  }

  /// `factor` times the logarithm's derivative for `Â`.
  fileprivate func slope(_ factor: Float, _ weight: Float) -> Float {
    switch self {
    case .clamp: weight > 1e-12 ? factor / weight : 0
    case .add: factor / (weight + 1e-9)
    }
  }
}

/// Gradients of `attentionWeightCrossEntropy`, already times its weight.
public struct AttentionWeightGradients: Sendable {
  public var queryFeatures: Tensor
  public var keyFeatures: Tensor
  /// For the logits, `[queryHeads]`.
  public var windowFactors: Tensor
}

/// Soft cross-entropy of the student's attention rows against the teacher's,
/// `−Σ_j A_ij log Â_ij`, averaged over heads and rows, where `A` is causal softmax attention (over
/// the last `teacherWindow` keys) and `Â` the normalised weights of `hybridAttention`, both over the
/// keys that the query sees; `floor` says what the logarithm does with weights of 0. Worked in tiles
/// of 64 rows: memory is linear in the length.
///
/// The gradient reaches the features and window factors only: queries and keys are the teacher's.
public func attentionWeightCrossEntropy(
  queries: Tensor, keys: Tensor, queryFeatures: Tensor, keyFeatures: Tensor,
  windowFactors: Tensor, shape: HybridAttentionShape, layout: SequenceLayout,
  teacherWindow: Int? = nil, floor: AttentionWeightFloor = .clamp, weight: Float
) -> (value: Double, gradients: AttentionWeightGradients) {
  let heads = shape.attention.queryHeads
  let rows = layout.segments.reduce(0) { $0 + $1.count }
  let factor = weight / Float(max(1, rows * heads))
  var queryFeatureGradient = Tensor(zeros: queryFeatures.shape)
  var keyFeatureGradient = Tensor(zeros: keyFeatures.shape)
  var factorParts = Tensor(zeros: [layout.segments.count, heads])
  var losses = [Double](repeating: 0, count: layout.segments.count * heads)
  let operands = HybridOperands(
    queries: queries, keys: keys, values: keys, queryFeatures: queryFeatures,
    keyFeatures: keyFeatures)
  let segmentIndex = Dictionary(
    uniqueKeysWithValues: layout.segments.enumerated().map { ($1.start, $0) })
  losses.withUnsafeMutableBufferPointer { losses in
    let losses = losses
    withMutablePointers(&queryFeatureGradient, &keyFeatureGradient, &factorParts) {
      dPhiQ, dPhiK, dFactors in
      operands.withHeads(shape: shape, layout: layout, windowFactors: windowFactors) {
        head, slot in
        let offset = head.segment.start * shape.featureWidth + slot * shape.featureDim
        let index = segmentIndex[head.segment.start]! * heads + slot
        for start in stride(from: 0, to: head.segment.count, by: 64) {
          let rows = start..<min(start + 64, head.segment.count)
          let (loss, dGamma) = head.weightLossTile(
            rows, teacherWindow: teacherWindow, floor: floor, factor: factor, dPhiQ: dPhiQ + offset,
            dPhiK: dPhiK + offset)
          losses[index] += loss
          dFactors[index] += dGamma
        }
      }
    }
  }
  let value = losses.reduce(0, +) / Double(max(1, rows * heads))
  return (
    value,
    AttentionWeightGradients(
      queryFeatures: queryFeatureGradient, keyFeatures: keyFeatureGradient,
      windowFactors: windowFactorGradient(factorParts, windowFactors, shape))
  )
}

extension HybridHead {
  /// Sum of the losses of some rows, against all their keys, and the gradient of the window
  /// factor's logit. Adds to the features' gradients.
  fileprivate func weightLossTile(
    _ rows: Range<Int>, teacherWindow: Int?, floor: AttentionWeightFloor, factor: Float,
    dPhiQ: UnsafeMutablePointer<Float>, dPhiK: UnsafeMutablePointer<Float>
  ) -> (loss: Double, factorGradient: Float) {
    let (gamma, lambda) = shape.factors(logit)
    let scale = shape.attention.scale
    let columns = rows.upperBound
    let count = rows.count
    var loss = 0.0
    var gammaGradient: Float = 0
    var lambdaGradient: Float = 0
    var scratch = Tensor(uninitialized: [3 * count * columns])
    scratch.withMutablePointer { products in
      let linear = products + count * columns
      let teacher = linear + count * columns
      BLAS.multiply(
        m: count, n: columns, k: d,
        Matrix(queries + rows.lowerBound * queryStride, stride: queryStride),
        Matrix(keys(at: 0), stride: keyStride).transposed, into: products, stride: columns)
      BLAS.multiply(
        m: count, n: columns, k: f, alpha: lambda,
        Matrix(queryFeatures + rows.lowerBound * featureStride, stride: featureStride),
        Matrix(features(at: 0), stride: featureStride).transposed, into: linear, stride: columns)
      for (line, query) in rows.enumerated() {
        let product = products + line * columns
        let weights = linear + line * columns
        let truth = teacher + line * columns
        let visible = query + 1
        let first = teacherWindow.map { max(0, query - $0 + 1) } ?? 0
        clear(truth, 0..<first)
        let maximum = scale * vk_max(product + first, visible - first)
        let total = vk_exp_sum(
          product + first, truth + first, visible - first, scale, maximum)
        vk_scale(truth + first, truth + first, 1 / total, visible - first)

        let sinks = min(shape.sinks, visible)
        let window = max(sinks, min(shape.window.start(of: query), visible))
        if shape.window != .none {
          let recent = visible - window
          let shift =
            scale * max(vk_max(product, sinks), vk_max(product + window, recent))
            - logarithm(gamma)
          _ = vk_exp_sum(product, weights, sinks, scale, shift)
          _ = vk_exp_sum(product + window, weights + window, recent, scale, shift)
        }
        let normalizer = vk_sum(weights, visible) + shape.epsilon
        // dP = (dÂ − dÂ·Â) / D, with dÂ = −A times the logarithm's slope.
        var projection: Float = 0
        for key in 0..<visible {
          let weight = weights[key] / normalizer
          let (value, elasticity) = floor.logarithm(weight)
          loss -= Double(truth[key]) * Double(value)
          projection -= truth[key] * elasticity
        }
        for key in 0..<visible {
          let weight = weights[key] / normalizer
          let slope = -floor.slope(truth[key], weight)
          let gradient = factor * (slope - projection) / normalizer
          if key < sinks || key >= window {
            gammaGradient += gradient * weights[key] / gamma
            weights[key] = 0
          } else {
            lambdaGradient += gradient * weights[key] / lambda
            weights[key] = lambda * gradient
          }
        }
        clear(weights, visible..<columns)
      }
      BLAS.multiply(
        m: count, n: f, k: columns, Matrix(linear, stride: columns),
        Matrix(features(at: 0), stride: featureStride), beta: 1,
        into: dPhiQ + rows.lowerBound * featureStride, stride: featureStride)
      BLAS.multiply(
        m: columns, n: f, k: count, Matrix(linear, stride: columns).transposed,
        Matrix(queryFeatures + rows.lowerBound * featureStride, stride: featureStride), beta: 1,
        into: dPhiK, stride: featureStride)
    }
    if shape.window == .none { return (loss, 0) }
    let total = shape.isAffine ? gammaGradient - lambdaGradient : gammaGradient
    return (loss, total * gamma * (1 - gamma))
  }
}
