import Reports
import Results
import Testing

@Suite struct FarShareReportTests {
  private func report(studentMass: Double?) -> EvaluationReport {
    var report = SampleReports.full
    var head = SampleReports.head
    head.far = .init(
      teacherMass: 0.25, studentMass: studentMass, teacherOutput: 0.5, studentOutput: 0.125)
    report.fidelity?.layers = [
      .init(index: 0, heads: [head, head]), .init(index: 2, heads: [SampleReports.head]),
    ]
    return report
  }

  @Test(arguments: [0.375, nil])
  func `What is of keys beyond the window is written, read again and told by layer`(mass: Double?)
    throws
  {
    let report = report(studentMass: mass)
    let read = try StoredResults(report.document, path: "runs/far/results.json").report
    #expect(read.fidelity?.layers == report.fidelity?.layers)
    let text = report.markdown
    #expect(text.contains("## Beyond the window by layer"))
    let student = mass == nil ? "has none" : "37.5 %"
    #expect(
      text.split(separator: "\n").contains {
        $0.hasPrefix("| 0") && $0.contains("25.0 %") && $0.contains(student)
          && $0.contains("50.0 %") && $0.contains("12.5 %")
      })
  }

  @Test func `Of a student without a window nothing is said`() {
    #expect(!SampleReports.full.markdown.contains("Beyond the window"))
  }
}
