import Documents
import Operations

/// A loss of next-token distributions. Both are computed together, tile by tile of the
/// vocabulary's logits, so a loss says its part of the factors and takes its part of the sums.
protocol TokenLoss: Loss {
  /// Whether the teacher's distributions are compared with.
  var readsTeacher: Bool { get }
  /// Tokens that the loss is a mean over.
  func count(_ batch: TokenCounts) -> Int
  /// Adds the factor of the gradient of the loss's sum.
  func add(_ factor: Float, to scales: inout DistillationScales)
  /// Per row.
  func values(of losses: DistillationLosses) -> [Float]
}

/// How many rows of a batch count.
struct TokenCounts {
  /// Not padding.
  let tokens: Int
  /// With a token to predict.
  let targets: Int
}

extension LossRegistry {
  static var tokenVariants: [DocumentVariant<any TokenLoss>] {
    token.map { type in DocumentVariant(type.kind) { type.init($0) } }
  }
}
