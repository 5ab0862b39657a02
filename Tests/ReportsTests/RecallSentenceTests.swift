import Results
import Testing

@testable import Reports

@Suite struct RecallSentenceTests {
  private func variant(_ variant: ModelVariant, _ correct: [Int]) -> VariantResult {
    VariantResult(
      variant: variant,
      recall: zip([64, 256, 1024], correct).map {
        RecallResult(kind: "mqar", length: $0, queries: 10, correct: $1, meanLoss: 1)
      })
  }

  @Test func `The longest context in which the teacher answers most queries is quoted`() {
    let report = EvaluationReport(
      title: "r",
      variants: [
        variant(.teacher, [10, 9, 4]), variant(.student, [10, 2, 1]),
        variant(.windowOnly, [9, 1, 0]),
      ])
    #expect(
      report.recallSentence
        == "Of what stands in its context the student names: associative recall at 256 tokens "
        + "20.0 % (teacher 90.0 %, window only 10.0 %).")
    #expect(report.terminalTable.contains("the student names"))
    #expect(report.markdown.contains("the student names"))
  }

  @Test func `A teacher that recalls nothing is no measure, and neither is one not measured`() {
    let blind = EvaluationReport(
      title: "r", variants: [variant(.teacher, [4, 1, 0]), variant(.student, [4, 1, 0])])
    #expect(blind.recallSentence == nil)
    let alone = EvaluationReport(title: "r", variants: [variant(.student, [9, 9, 9])])
    #expect(alone.recallSentence == nil)
  }
}
