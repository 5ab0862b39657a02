import Documents
import Operations

/// A loss of embeddings of whole texts. Both are computed together, so a loss says its part of the
/// factors and takes its part of the distance.
protocol EmbeddingLoss: Loss {
  /// Texts that the loss needs in a batch.
  static var minimumTexts: Int { get }
  /// Sets the factor of the gradient of the loss; 0 measures only.
  func set(_ factor: Float, in weights: inout EmbeddingDistanceWeights)
  func value(of distance: EmbeddingDistance) -> Double
}

extension LossRegistry {
  static var embeddingVariants: [DocumentVariant<any EmbeddingLoss>] {
    embedding.map { type in DocumentVariant(type.kind) { type.init($0) } }
  }
}
