import Documents
import Results
import Testing

@testable import Reports

/// What is told of an encoder's student, which has embeddings and no perplexity.
@Suite struct EmbeddingReportTests {
  private func report(_ cosine: Double = 0.9876) -> EvaluationReport {
    let task = { (cosine: Double, correlation: Double) in
      TaskResult(
        name: EvaluationReport.embeddingTaskName,
        metrics: [
          .init(
            name: EvaluationReport.cosineMetric, value: cosine, standardError: 0.002,
            higherIsBetter: true),
          .init(
            name: EvaluationReport.rankMetric, value: correlation, standardError: nil,
            higherIsBetter: true),
        ], samples: 300, availableSamples: 300)
    }
    let head = { (divergence: Double) in
      FidelityResult.Head(
        meanSquaredError: 1, relativeError: 0.1, divergence: divergence, teacherEntropy: 2,
        studentEntropy: 3, monotonicity: 0.9, teacherReach: 8, studentReach: 9)
    }
    return EvaluationReport(
      title: "encoder", teacherName: "models/encoder", studentName: "runs/encoder",
      variants: [
        .init(variant: .student, tasks: [task(cosine, 0.975)]),
        .init(variant: .noAttention, tasks: [task(0.5, 0.4)]),
      ],
      fidelity: FidelityResult(
        layers: [
          .init(index: 0, heads: [head(0.1), head(0.3)]), .init(index: 1, heads: [head(0.2)]),
        ], logitDivergence: nil, topAgreement: nil, tokens: 77))
  }

  @Test func `Gates can name cosine, rank correlation and the divergence of attention`() {
    var report = report()
    #expect(report.value(of: "embeddingCosine") == 0.9876)
    #expect(report.value(of: "embeddingRankCorrelation") == 0.975)
    #expect(abs(report.value(of: "attentionDivergence")! - 0.2) < 1e-12)
    #expect(report.value(of: "text_embeddings/cosine") == 0.9876)
    report.judge([("embeddingCosine", 0.99, nil), ("attentionDivergence", nil, 0.25)])
    #expect(report.verdicts.map(\.isKept) == [false, true])
    for name in ["embeddingCosine", "embeddingRankCorrelation", "attentionDivergence"] {
      #expect(EvaluationReport.measures.contains { $0.name == name })
    }
  }

  @Test func `Terminal, Markdown and page tell embeddings, and nothing of predictions`() throws {
    let report = report()
    let sentence = """
      The student's embeddings have a mean cosine of 0.9876 to its teacher's; similarities between \
      texts correlate in rank by 0.9750.
      """
    #expect(report.headline == sentence)
    let page = try report.html()
    for text in [report.terminalTable, report.markdown, page] {
      #expect(text.contains("text_embeddings"))
      #expect(!text.contains("most probable token"))
    }
    #expect(
      report.markdown.contains("Means over heads, on the teacher's own activations, 77 tokens."))
    #expect(report.markdown.contains("Cosines of the texts' embeddings to the teacher's"))
    #expect(page.contains("Cosine of embeddings"))
  }

  @Test func `Results are read back, and compared run by run`() throws {
    let stored = try [0.9876, 0.95].enumerated().map { index, cosine in
      try StoredResults(report(cosine).document, path: "\(index).json")
    }
    #expect(stored[0].report.fidelity == report().fidelity)
    #expect(stored[0].report.value(of: "embeddingCosine") == 0.9876)
    let comparison = ReportComparison(stored)
    #expect(comparison.markdown.contains("KL of attention, nats"))
    #expect(comparison.markdown.contains("cosine"))
  }
}
