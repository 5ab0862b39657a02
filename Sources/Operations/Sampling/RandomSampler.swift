import TensorCore

/// Draws a token by its probability after the filters. The draw is a function of seed and step: the
/// same seed continues the same text.
package struct RandomSampler: TokenSampler {
  let filters: [any CandidateFilter]
  let seed: UInt64

  package init(filters: [any CandidateFilter], seed: UInt64) {
    self.filters = filters
    self.seed = seed
  }

  package func sample(_ logits: [Float], step: Int) -> Int32 {
    var candidates = TokenCandidates(logits: logits)
    for filter in filters { filter.apply(to: &candidates) }
    var generator = SeededGenerator(seed: seed, step: step, purpose: "generate")
    var remaining = generator.uniform()
    for (id, probability) in zip(candidates.ids, candidates.probabilities) {
      remaining -= probability
      if remaining < 0 { return id }
    }
    // Rounding may leave a rest of the order of 1e-16.
    return candidates.ids[candidates.ranking[0]]
  }
}
