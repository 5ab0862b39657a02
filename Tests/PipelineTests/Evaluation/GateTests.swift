import Documents
import Testing

@testable import Pipeline

@Suite struct GateTests {
  @Test(arguments: [
    ("perplexityRatio<=1.5", "perplexityRatio", nil as Double?, 1.5 as Double?),
    ("linearShare >= 0.5", "linearShare", 0.5, nil),
    ("arc_easy/acc_norm>=-1e-3", "arc_easy/acc_norm", -0.001, nil),
  ])
  func `A bound names a measure, a direction and a number`(
    text: String, measure: String, minimum: Double?, maximum: Double?
  ) throws {
    let gate = try Gate(text)
    #expect(gate.measure == measure && gate.minimum == minimum && gate.maximum == maximum)
  }

  @Test(arguments: [
    ("perplexityRatio=2", "found no bound, expected MEASURE<=NUMBER or MEASURE>=NUMBER"),
    ("perplexityRatio<=two", "found the bound \"two\", expected a number"),
    ("perplexityRatio<=inf", "found the bound \"inf\", expected a number"),
  ])
  func `What cannot be read is said, with what was expected`(text: String, reason: String) {
    let error = #expect(throws: GateError.self) { try Gate(text) }
    #expect(error?.description == "--threshold \"\(text)\": \(reason)")
    #expect(error?.exitCode == .usage)
  }

  @Test func `An unknown measure is answered with the nearest and all`() {
    let error = #expect(throws: GateError.self) { try Gate("perplexityRato<=2") }
    let description = error?.description ?? ""
    #expect(
      description.contains("(did you mean \"perplexityRatio\"?); expected TASK/METRIC or one of"))
    #expect(description.contains("linearShare"))
  }
}
