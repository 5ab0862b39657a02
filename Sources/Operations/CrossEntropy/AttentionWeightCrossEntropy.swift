import CVectorKernels
import TensorCore

/// What keeps the logarithm of a student's attention weight finite.
public enum AttentionWeightFloor: String, Sendable, CaseIterable {
  /// `log max(Â, 1e-12)`, no gradient below (the LoLCATs code).
  case clamp
  /// `log(Â + 1e-9)` (Hedgehog, arXiv 2402.04347).
  case add

  /// `Σ_j A_j log Â_j` and `Σ_j A_j (1 − Â_j dlog/dÂ_j)`, with `Â = weights · reciprocal`: what a
  /// floored row loses, and how far its gradient is from that of a row without a floor.
  func sums(
    _ truth: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, reciprocal: Float, _ count: Int
  ) -> (logarithm: Float, deficit: Float) {
    var (sum, deficit): (Float, Float) = (0, 0)
    switch self {
    case .clamp:
      for key in 0..<count {
        let weight = weights[key] * reciprocal
        sum += truth[key] * logarithm(max(weight, 1e-12))
        if !(weight > 1e-12) { deficit += truth[key] }
      }
    case .add:
      for key in 0..<count {
        let floored = weights[key] * reciprocal + 1e-9
        sum += truth[key] * logarithm(floored)
        deficit += truth[key] * (1e-9 / floored)
      }
    }
    return (sum, deficit)
  }

  /// `1 − A dlog/dÂ`, in place of `A`.
  func balance(
    _ truth: UnsafeMutablePointer<Float>, _ weights: UnsafePointer<Float>, reciprocal: Float,
    _ count: Int
  ) {
    switch self {
    case .clamp:
      for key in 0..<count {
        let weight = weights[key] * reciprocal
        truth[key] = 1 - (weight > 1e-12 ? truth[key] / weight : 0)
      }
    case .add:
      for key in 0..<count {
        truth[key] = 1 - truth[key] / (weights[key] * reciprocal + 1e-9)
      }
    }
  }
}

/// Gradients of `attentionWeightCrossEntropy`, already times its weight.
public struct AttentionWeightGradients: Sendable {
  /// For the features of queries, `[tokens, queryHeads * featureDim]`.
  public var queryFeatures: Tensor
  /// For the features of keys, `[tokens, queryHeads * featureDim]`.
  public var keyFeatures: Tensor
  /// For the logits, `[queryHeads]`.
  public var windowFactors: Tensor
}

/// Soft cross-entropy of the student's attention rows against the teacher's,
/// `−Σ_j A_ij log Â_ij`, averaged over heads and rows, where `A` is softmax attention (over the last
/// `teacherWindow` keys) and `Â` the normalised weights of `hybridAttention`, both over the keys that
/// the query sees; `floor` says what the logarithm does with weights of 0. Worked in tiles of
/// queries and keys: beyond gradients, memory does not grow with the length.
///
/// The gradient reaches the features and window factors only: queries and keys are the teacher's.
public func attentionWeightCrossEntropy(
  queries: Tensor, keys: Tensor, queryFeatures: Tensor, keyFeatures: Tensor,
  windowFactors: Tensor, shape: HybridAttentionShape, layout: SequenceLayout,
  teacherWindow: Int? = nil, floor: AttentionWeightFloor = .clamp, weight: Float
) -> (value: Double, gradients: AttentionWeightGradients) {
  precondition(
    shape.attention.isCausal || teacherWindow == nil,
    "a window of \(teacherWindow ?? 0) keys of bidirectional attention")
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
    withPointers(
      writing(&queryFeatureGradient), writing(&keyFeatureGradient), writing(&factorParts)
    ) { dPhiQ, dPhiK, dFactors in
      operands.withHeads(shape: shape, layout: layout, windowFactors: windowFactors) {
        head, slot in
        let offset = head.segment.start * shape.featureWidth + slot * shape.featureDim
        let index = segmentIndex[head.segment.start]! * heads + slot
        (losses[index], dFactors[index]) = AttentionWeightLoss(
          head: head, teacherWindow: teacherWindow, floor: floor, factor: factor,
          dPhiQ: dPhiQ + offset, dPhiK: dPhiK + offset
        ).run()
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
