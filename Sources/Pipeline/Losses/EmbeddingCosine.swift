import Documents
import Operations

/// `1 − cos` of a text's embedding to the teacher's, averaged over texts (Sentence-BERT's
/// distance, arXiv 1908.10084).
struct EmbeddingCosine: EmbeddingLoss {
  static let kind = "embedding-cosine"
  static let summary = "One minus the cosine between the student's and the teacher's embedding."
  static let minimumTexts = 1

  let weight: Double
  let metric = "embeddingCosineDistance"

  init(_ reader: DocumentReader) { weight = reader.lossWeight() }

  func set(_ factor: Float, in weights: inout EmbeddingDistanceWeights) { weights.cosine = factor }
  func value(of distance: EmbeddingDistance) -> Double { distance.cosine }
}
