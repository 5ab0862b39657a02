import Documents
import Foundation
import Results
import Testing

@testable import Reports

@Suite struct ComparisonTests {
  private func stored(
    _ title: String, _ change: (inout EvaluationReport) -> Void = { _ in }
  ) throws -> StoredResults {
    var report = SampleReports.full
    report.title = title
    change(&report)
    return try StoredResults(report.document, path: "runs/\(title)/results.json")
  }

  private func row(_ name: String, _ comparison: ReportComparison) throws -> ReportComparison.Row {
    try #require(comparison.rows.first { $0.name == name })
  }

  @Test func `The best of a row is marked by its direction`() throws {
    let comparison = ReportComparison([
      try stored("first"),
      try stored("second") {
        $0.variants[1].text = SampleReports.text(25)
        $0.variants[1].tasks = [SampleReports.task(0.36)]
      },
    ])
    #expect(try row("perplexity", comparison).cells.map { $0?.isBest } == [false, true])
    #expect(try row("arc_easy acc", comparison).cells.map { $0?.isBest } == [true, false])
    #expect(try row("arc_easy perplexity", comparison).cells.map { $0?.isBest } == [true, false])
    // Equal values are no reason to praise one.
    #expect(try row("peak memory", comparison).cells.map { $0?.isBest } == [false, false])
    #expect(
      comparison.headline
        == "Of 2 runs, first keeps the most of its teacher: 50.0 % (second 44.0 %).")
    #expect(comparison.remarks.isEmpty)
    let words = comparison.terminalTable.split(separator: "\n").map { $0.split(separator: " ") }
    #expect(words.contains(["perplexity", "↓", "30.000", "25.000", "*"]))
    #expect(comparison.markdown.contains("| arc_easy acc ↑ | 0.3750 * | 0.3600 |"))
  }

  @Test func `Numbers of other texts, samples and machines stand apart`() throws {
    let comparison = ReportComparison([
      try stored("first") { $0.provenance["processor"] = "A" },
      try stored("second") {
        $0.textHash = "another"
        $0.variants[1].text = SampleReports.text(5)
        $0.variants[1].tasks = [SampleReports.task(0.9, hash: "others")]
        $0.variants[1].recall[0].queries = 90
        $0.provenance["processor"] = "B"
      },
    ])
    for name in [
      "perplexity", "perplexity ratio", "share recovered", "arc_easy acc",
      "passkey retrieval, 512 tokens", "decode tokens/s at 1,024",
    ] {
      let cells = try row(name, comparison).cells
      #expect(cells.map { $0?.isComparable } == [true, false], "\(name)")
      #expect(cells.map { $0?.isBest } == [false, false], "\(name)")
    }
    #expect(
      comparison.remarks == [
        "second: another held-out text than first.",
        "second: other samples or shots of arc_easy than first.",
        "second: another number of queries of passkey retrieval than first.",
        "second: speeds of another machine than first.",
      ])
    #expect(comparison.headline == "2 runs, of which none is ahead on a measure that all share.")
    #expect(comparison.terminalTable.contains("5.000 ~"))
    #expect(comparison.terminalTable.contains("~ stands apart and is not compared:\n  second:"))
    #expect(try comparison.html().contains("<td class=\"apart\">5.000 ~</td>"))
  }

  @Test func `A run that lacks a number leaves its cell empty`() throws {
    let comparison = ReportComparison([
      try stored("first"),
      try stored("second") {
        $0.speed = nil
        $0.fidelity = nil
        $0.variants[1].recall = []
      },
    ])
    #expect(try row("decode tokens/s at 1,024", comparison).cells[1] == nil)
    #expect(try row("KL of predictions, nats", comparison).cells[1] == nil)
    #expect(comparison.document["rows"]?.arrayValue?.last?["cells"]?.arrayValue?.count == 2)
  }

  @Test(arguments: [
    (["a", "b"], ["x/1", "y/2"], ["a", "b"]),
    (["a", "a"], ["runs/one/results.json", "runs/two/results.json"], ["one", "two"]),
    (["a", "a"], ["one.json", "two.json"], ["one.json", "two.json"]),
    (["a", "a"], ["r.json", "r.json"], ["1: r.json", "2: r.json"]),
    (["a", "a"], ["r/x/deep/r.json", "r/x/r.json"], ["x/deep", "x"]),
  ])
  func `Columns are named by what differs`(
    titles: [String], paths: [String], labels: [String]
  ) throws {
    let results = try zip(titles, paths).map {
      try StoredResults(EvaluationReport(title: $0).document, path: $1)
    }
    let found = ReportComparison.labels(results)
    #expect(found == labels)
  }

  @Test func `The page overlays curves, names runs and tells how recipes differ`() throws {
    let comparison = ReportComparison([
      try stored("first"),
      try stored("<b>&second") { $0.recipe = ["name": "lolcats", "seed": 7] },
    ])
    let page = try comparison.html()
    let sections = page.matches(of: /<section id="([a-z-]+)"/).map { String($0.1) }
    #expect(
      sections == [
        "measures", "training", "fidelity", "tasks", "recall", "position", "speed", "runs",
      ])
    #expect(page.contains("&lt;b&gt;&amp;second"))
    #expect(!page.contains("<b>&second"))
    #expect(page.contains("$.seed: 42, now 7"))
    #expect(page.contains("series c-run-0") && page.contains("series c-run-1"))
    #expect(comparison.markdown.contains("- `$.seed: 42, now 7`"))
  }

  @Test func `lm-eval's own results stand beside ours`() throws {
    let theirs: JSONValue = [
      "results": ["arc_easy": ["acc,none": 0.4, "acc_stderr,none": 0.02]],
      "n-shot": ["arc_easy": 0], "n-samples": ["arc_easy": ["original": 2376, "effective": 300]],
      "model_name": "hf",
    ]
    let comparison = ReportComparison([
      try stored("first"), try StoredResults(theirs, path: "theirs.json"),
    ])
    let cells = try row("arc_easy acc", comparison).cells
    #expect(cells.map { $0?.value } == [0.375, 0.4])
    #expect(cells.map { $0?.isBest } == [false, true])
  }

  @Test func `One run, or none, is still a table`() throws {
    #expect(ReportComparison([try stored("first")]).terminalTable.contains("perplexity ↓"))
    #expect(ReportComparison([]).rows.isEmpty)
  }
}
