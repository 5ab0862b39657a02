import Results
import Testing

@Suite struct RecallMeasureTests {
  private func report(_ student: [RecallResult]) -> EvaluationReport {
    EvaluationReport(
      title: "recall", teacherName: "t", studentName: "s",
      variants: [
        VariantResult(
          variant: .teacher,
          recall: [.init(kind: "mqar", length: 512, queries: 4, correct: 4, meanLoss: 0)]),
        VariantResult(variant: .student, recall: student),
      ])
  }

  @Test func `Recall is the student's at the longest length, of each kind apart`() {
    let measured = report([
      .init(kind: "mqar", length: 512, queries: 8, correct: 2, meanLoss: 1),
      .init(kind: "mqar", length: 64, queries: 8, correct: 8, meanLoss: 0),
      .init(kind: "passkey", length: 1024, queries: 5, correct: 3, meanLoss: 1),
      .init(kind: "passkey", length: 256, queries: 5, correct: 5, meanLoss: 0),
    ])
    #expect(measured.value(of: "associativeRecall") == 0.25)
    #expect(measured.value(of: "passkeyRecall") == 0.6)
  }

  @Test func `Recall that was not measured misses its threshold`() {
    var measured = report([])
    #expect(measured.value(of: "associativeRecall") == nil)
    measured.judge([(measure: "associativeRecall", minimum: 0.1, maximum: nil)])
    #expect(!measured.keepsThresholds)
  }
}
