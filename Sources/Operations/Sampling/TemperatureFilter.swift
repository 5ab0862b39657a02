/// Divides the logits: below 1 the probable tokens become more so.
package struct TemperatureFilter: CandidateFilter {
  let temperature: Float

  package init(_ temperature: Double) {
    precondition(temperature > 0, "a temperature of \(temperature)")
    self.temperature = Float(temperature)
  }

  package func apply(to candidates: inout TokenCandidates) {
    for place in candidates.logits.indices { candidates.logits[place] /= temperature }
  }
}
