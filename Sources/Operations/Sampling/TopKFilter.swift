/// Leaves the `count` most probable tokens, and what is as probable as the last of them, as
/// transformers does.
package struct TopKFilter: CandidateFilter {
  let count: Int

  package init(_ count: Int) {
    precondition(count > 0, "the \(count) most probable tokens")
    self.count = count
  }

  package func apply(to candidates: inout TokenCandidates) {
    guard count < candidates.ids.count else { return }
    let threshold = candidates.logits.sorted(by: >)[count - 1]
    candidates.keep(candidates.ids.indices.filter { candidates.logits[$0] >= threshold })
  }
}
