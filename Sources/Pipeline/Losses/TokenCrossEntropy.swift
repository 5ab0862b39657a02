import Documents
import Operations

/// Cross-entropy of the text's own next tokens, in nats, over tokens that have one.
struct TokenCrossEntropy: TokenLoss {
  static let kind = "cross-entropy"
  static let readsTeacher = false
  static let summary = "Cross-entropy of the text's own next tokens, in nats a token."

  let weight: Double
  let metric = "crossEntropy"

  init(_ reader: DocumentReader) { weight = reader.lossWeight() }

  func count(_ batch: TokenCounts) -> Int { batch.targets }
  func add(_ factor: Float, to scales: inout DistillationScales) { scales.crossEntropy += factor }
  func values(of losses: DistillationLosses) -> [Float] { losses.crossEntropies }
}
