import Documents
import Operations

/// A loss of next-token distributions. Both are computed together, tile by tile of the
/// vocabulary's logits, so a loss says its part of the factors and takes its part of the sums.
protocol TokenLoss: Loss {
  /// Whether the teacher's distributions are compared with.
  static var readsTeacher: Bool { get }
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
  /// - Parameter comparesTeacher: whether losses that read the teacher's distributions are among
  ///   them.
  static func tokenVariants(comparesTeacher: Bool) -> [DocumentVariant<any TokenLoss>] {
    token.filter { comparesTeacher || !$0.readsTeacher }
      .map { type in DocumentVariant(type.kind) { type.init($0) } }
  }
}

extension TokenLoss {
  var readsTeacher: Bool { Self.readsTeacher }
}

extension DocumentReader {
  /// The losses of a stage that predicts next tokens, cross-entropy unless given.
  ///
  /// - Parameter comparesTeacher: whether a loss may read the teacher's distributions.
  func nextTokenLosses(comparesTeacher: Bool) -> [any TokenLoss] {
    let meant: [JSONValue] = [
      ["kind": .string(TokenCrossEntropy.kind), "weight": .number(1)]
    ]
    return losses(
      of: LossRegistry.tokenVariants(comparesTeacher: comparesTeacher), weight: \.weight,
      shortForm: { _ in meant })
  }
}
