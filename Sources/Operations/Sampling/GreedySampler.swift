import TensorCore

/// Chooses a token from the logits of the whole vocabulary.
package protocol TokenSampler: Sendable {
  /// - Parameters:
  ///   - logits: `[vocabularySize]`.
  ///   - step: tokens generated before.
  func sample(_ logits: [Float], step: Int) -> Int32
}

/// The most probable token; the first of equal ones.
package struct GreedySampler: TokenSampler {
  package init() {}

  package func sample(_ logits: [Float], step: Int) -> Int32 {
    var best = 0
    for id in logits.indices where logits[id] > logits[best] { best = id }
    return Int32(best)
  }
}

extension TokenSampler {
  /// - Parameter logits: `[1, vocabularySize]`.
  package func sample(_ logits: Tensor, step: Int) -> Int32 {
    sample(logits.elements, step: step)
  }
}
