import Documents
import Foundation
import Results
import Testing

@testable import Reports

@Suite struct BaselineTests {
  private func stored(_ report: EvaluationReport) throws -> StoredResults {
    try StoredResults(report.document, path: "runs/monday/results.json")
  }

  @Test func `Accuracies may fall by the tolerance, perplexities rise by that part`() throws {
    let baseline = try stored(SampleReports.full)
    var report = SampleReports.full
    report.verdicts = []
    report.variants[1].tasks = [SampleReports.task(0.36)]
    report.variants[1].text = SampleReports.text(30.5)
    try report.judge(baseline: baseline, tolerance: 0.02)
    #expect(
      report.verdicts.map(\.measure) == [
        "arc_easy/acc", "arc_easy/perplexity", "studentPerplexity", "studentAccuracy",
      ])
    #expect(report.verdicts.map(\.isKept) == [true, false, true, true])
    #expect(abs(try #require(report.verdicts[0].minimum) - 0.355) < 1e-12)
    #expect(abs(try #require(report.verdicts[1].maximum) - 10 / 0.375 * 1.02) < 1e-9)
    #expect(abs(try #require(report.verdicts[2].maximum) - 30.6) < 1e-9)
    #expect(report.verdicts.allSatisfy { $0.origin == "baseline runs/monday/results.json" })
    #expect(report.markdown.contains("| baseline runs/monday/results.json |"))
  }

  @Test func `A result is no worse than itself`() throws {
    var report = SampleReports.full
    try report.judge(baseline: stored(report), tolerance: 0)
    #expect(report.verdicts.count == 5)
    #expect(report.keepsThresholds)
  }

  @Test func `Another task set, other samples, shots or text are refused together`() throws {
    var earlier = SampleReports.full
    earlier.variants[1].tasks = [
      SampleReports.task(0.5, hash: "ffffffffffffffff"), SampleReports.task(0.5),
    ]
    earlier.variants[1].tasks[0].shots = 5
    earlier.variants[1].tasks[1].name = "piqa"
    earlier.textHash = "000000000000000000"
    var report = SampleReports.full
    report.verdicts = []
    var other = SampleReports.task(0.5)
    other.name = "copa"
    report.variants[1].tasks.append(other)
    let baseline = try stored(earlier)
    let error = #expect(throws: BaselineMismatch.self) {
      try report.judge(baseline: baseline, tolerance: 0.01)
    }
    #expect(
      error?.differences == [
        "it has the tasks piqa, not evaluated here", "it lacks the tasks copa",
        "arc_easy: its 5 shots, here 0",
        "arc_easy: other samples (their hash is ffffffffffff…, here 5a5a5a5a5a5a…)",
        "another held-out text (its hash is 000000000000…, here abcdef012345…)",
      ])
    #expect(error?.exitCode == .badData)
    #expect(
      error?.description.hasPrefix(
        "runs/monday/results.json: cannot be the baseline of this evaluation: it has the tasks piqa"
      ) == true)
    #expect(report.verdicts.isEmpty)
  }

  @Test func `Other numbers of samples are named, and so are texts without hashes`() throws {
    var earlier = SampleReports.full
    earlier.textHash = nil
    earlier.variants[1].tasks[0].samples = 100
    earlier.variants[1].text?.windows.removeLast()
    #expect(
      SampleReports.full.differences(from: try stored(earlier)) == [
        "arc_easy: its 100 samples, here 300",
        "another held-out text (its 2 scored tokens in 1 windows, here 4 in 2)",
      ])
    earlier = SampleReports.full
    earlier.variants[1].text = nil
    #expect(
      SampleReports.full.differences(from: try stored(earlier)) == [
        "it has no held-out text, here one was read"
      ])
  }

  @Test func `lm-eval's own result is a baseline for the tasks`() throws {
    let document: JSONValue = [
      "results": ["arc_easy": ["acc,none": 0.4, "acc_stderr,none": 0.02]],
      "n-shot": ["arc_easy": 0], "n-samples": ["arc_easy": ["original": 2376, "effective": 300]],
    ]
    var report = SampleReports.full
    report.verdicts = []
    try report.judge(baseline: StoredResults(document, path: "theirs.json"), tolerance: 0.01)
    #expect(report.verdicts.map(\.measure) == ["arc_easy/acc"])
    #expect(!report.keepsThresholds)
  }
}
