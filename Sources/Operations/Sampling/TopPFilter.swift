/// Nucleus sampling (Holtzman et al. 2019, arXiv 1904.09751): leaves the smallest set of most
/// probable tokens that together reach the probability `mass`; at least one.
package struct TopPFilter: CandidateFilter {
  let mass: Double

  package init(_ mass: Double) {
    precondition(mass > 0 && mass <= 1, "a probability of \(mass)")
    self.mass = mass
  }

  package func apply(to candidates: inout TokenCandidates) {
    if mass == 1 { return }
    let probabilities = candidates.probabilities
    var reached = 0.0
    var kept: [Int] = []
    for place in candidates.ranking {
      if reached >= mass, !kept.isEmpty { break }
      kept.append(place)
      reached += probabilities[place]
    }
    // Draws walk the candidates in the vocabulary's order, whatever filters came before.
    candidates.keep(kept.sorted())
  }
}
