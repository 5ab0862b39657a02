import Documents
import Operations

/// Mean squared error between the cosine similarities of a batch's texts to each other, student's
/// against teacher's.
struct EmbeddingSimilarities: EmbeddingLoss {
  static let kind = "embedding-similarities"
  static let summary =
    "Mean squared error between the cosine similarities of a batch's texts to each other."
  static let minimumTexts = 2

  let weight: Double
  let metric = "embeddingSimilarityError"

  init(_ reader: DocumentReader) { weight = reader.lossWeight() }

  func set(_ factor: Float, in weights: inout EmbeddingDistanceWeights) {
    weights.similarities = factor
  }
  func value(of distance: EmbeddingDistance) -> Double { distance.similarities }
}
