import Documents
import Foundation
import Results
import Testing

@testable import Reports

@Suite struct EvaluationReportTests {
  @Test func `What was not measured is null, and misses a bound`() {
    var report = SampleReports.teacherAlone
    report.judge([("perplexityRatio", nil, 2), ("teacherPerplexity", nil, 20.001)])
    #expect(report.document["linearize"]?["measures"]?["studentPerplexity"] == .null)
    #expect(report.verdicts.map(\.isKept) == [false, true])
    #expect(!report.keepsThresholds)
  }

  @Test(arguments: [
    (nil as Double?, 1.5 as Double?, true), (nil, 1.4999, false), (1.5, nil, true),
    (1.5001, nil, false), (1, 2, true),
  ])
  func `Bounds include their ends`(minimum: Double?, maximum: Double?, isKept: Bool) {
    let verdict = Verdict(
      measure: "perplexityRatio", minimum: minimum, maximum: maximum, value: 1.5)
    #expect(verdict.isKept == isKept)
  }

  @Test func `A value that is no number misses every bound`() {
    #expect(!Verdict(measure: "x", minimum: nil, maximum: nil, value: .nan).isKept)
    #expect(!Verdict(measure: "x", minimum: nil, maximum: .nan, value: 1).isKept)
  }

  @Test func `The verdict is one sentence about what the student is worth`() {
    #expect(
      SampleReports.full.headline
        == "The student has 1.50 times its teacher's perplexity, 30.000 against 20.000; "
        + "answers 37.5 % of the questions of 1 task (teacher 50.0 %).")
    #expect(
      SampleReports.teacherAlone.headline == "The teacher has a perplexity of 20.000 on 4 tokens.")
    #expect(EvaluationReport(title: "nothing").headline == "Nothing was evaluated.")
  }

  /// A student of perplexity 30 and a teacher of 20 beside no attention at all, which is 320, and
  /// an untrained window.
  private func report(untrained: PerplexityResult, student: PerplexityResult) -> EvaluationReport {
    EvaluationReport(
      title: "r",
      variants: [
        VariantResult(variant: .teacher, text: SampleReports.text(20)),
        VariantResult(variant: .student, text: student),
        VariantResult(variant: .noAttention, text: SampleReports.text(20 * 16)),
        VariantResult(
          variant: .teacherWindowSinks,
          detail: "sliding window of 64, first 4 tokens kept, untrained", text: untrained),
      ])
  }

  @Test func `The verdict holds the student against the untrained window`() {
    let ahead = report(untrained: SampleReports.text(45), student: SampleReports.text(30))
    // log(45/30) = 0.405 of log(45/20) = 0.811.
    #expect(
      ahead.headline
        == "The student is better than the untrained window (sliding window of 64, first 4 tokens "
        + "kept) by 0.405 nats a token, 50.0 % of the gap from there to its teacher; perplexity "
        + "30.000, untrained 45.000, teacher 20.000.")
    // log(30/25) = 0.182 of log(25/20) = 0.223.
    let behind = report(untrained: SampleReports.text(25), student: SampleReports.text(30))
    #expect(
      behind.headline
        == "The student is worse than the untrained window (sliding window of 64, first 4 tokens "
        + "kept) by 0.182 nats a token, which widens the gap from there to its teacher by 81.7 %; "
        + "perplexity 30.000, untrained 25.000, teacher 20.000.")
    #expect(behind.value(of: "gapClosed")! < -0.81)
    #expect(behind.value(of: "shareRecovered") == behind.value(of: "gapClosed"))
  }

  @Test func `A lead within two standard errors is none`() {
    var untrained = SampleReports.text(30)
    untrained.windows[0].lossSum += 0.2
    untrained.windows[1].lossSum -= 0.1
    let report = report(untrained: untrained, student: SampleReports.text(30))
    #expect(report.trainingGain?.isAhead == nil)
    #expect(
      report.headline.hasPrefix(
        "The student is no better than the untrained window (sliding window of 64, first 4 tokens "
          + "kept): 0.025 nats a token ahead, within two standard errors, 5.8 % of the gap"))
  }

  @Test func `The table of a run is aligned and ends with the verdict`() {
    var report = SampleReports.full
    report.speed = nil
    report.judge([("transferLoss", nil, 10)])
    #expect(
      report.terminalTable == """
        model                 perplexity  ratio   loss      ±  top-1  tokens/s
        --------------------  ----------  -----  -----  -----  -----  --------
        teacher                   20.000  1.000  2.996  0.000  0.250       100
        student                   30.000  1.500  3.401  0.000  0.250       200
        student, window only      80.000  4.000  4.382  0.000  0.250       100

        task            metric    n  chance          teacher          student
        --------  ------------  ---  ------  ---------------  ---------------
        arc_easy         acc ↑  300  0.2500  0.5000 ± 0.0250  0.3750 ± 0.0250
        arc_easy  perplexity ↓  300                  20.0000          26.6667

        recall             tokens  queries         student
        -----------------  ------  -------  --------------
        passkey retrieval     512      100  80.0 % ± 4.0 %

        threshold            bounds  value  verdict
        ---------------  ----------  -----  -------
        perplexityRatio   at most 2    1.5     kept
        transferLoss     at most 10   22.5   missed

        Not measured: recall at 4,096 tokens.

        The student has 1.50 times its teacher's perplexity, 30.000 against 20.000; answers 37.5 % of the questions of 1 task (teacher 50.0 %).
        The memory earned its place: perplexity 30.000, without its memory 80.000; it closes 70.8 % of the gap to the teacher.
        Not all samples were scored: arc_easy 300 of 2,376. Contexts cut on the left to fit the model: arc_easy 2.
        Peak memory 655 MB.
        Missed 1 of 2 thresholds: transferLoss.

        """)
  }

  @Test func `A student without a window is held against no attention at all`() throws {
    let share = { (untrained: Double) in
      LinearShare([
        VariantResult(variant: .teacher, text: SampleReports.text(20)),
        VariantResult(variant: .student, text: SampleReports.text(30)),
        VariantResult(variant: .noAttention, text: SampleReports.text(80)),
        VariantResult(variant: .teacherWindowSinks, text: SampleReports.text(untrained)),
      ])?.sentence
    }
    #expect(
      try #require(share(40)) == """
        The memory earned its place: perplexity 30.000, without its memory 80.000, \
        the untrained teacher with a window and sinks 40.000; it closes 70.8 % of the gap to the \
        teacher.
        """)
    #expect(
      try #require(share(25)).hasPrefix(
        "The memory did not earn its place: an untrained window with sinks does as well or "
          + "better (perplexity 30.000"))
  }

  @Test func `What a memory adds by chance is no share of the gap`() throws {
    var share = try #require(
      LinearShare([
        VariantResult(variant: .teacher, text: SampleReports.text(20)),
        VariantResult(variant: .student, text: SampleReports.text(30)),
        VariantResult(variant: .windowOnly, text: SampleReports.text(80)),
      ]))
    #expect(share.isGainCertain)
    #expect(share.sentence.contains("it closes 70.8 % of the gap"))
    share.gainStandardError = 0.6 * share.gain
    #expect(!share.isGainCertain)
    #expect(
      share.sentence
        == "The memory did not earn its place: what it adds is within two standard errors "
        + "(perplexity 30.000, without its memory 80.000).")
  }

  @Test func `The report tells verdict, numbers, layers, curve and how to repeat`() {
    let lines = SampleReports.full.markdown.split(separator: "\n").map(String.init)
    for line in [
      "# lolcats", "The threshold was kept.",
      "| student | 30.000 | 1.500 | 3.401 | 0.000 | 0.250 | 200 |",
      "- student: window of 64",
      "| arc_easy | acc ↑ | 300 | 0.2500 | 0.5000 ± 0.0250 | 0.3750 ± 0.0250 |",
      "| perplexityRatio | at most 2 | 1.5 | kept |", "| 1 | keeps softmax |", "| 2 | 25 |",
      "**attention-transfer**: 60 steps, 61,440 tokens in 3 min 20 s, 307 tokens/s.",
      "| 60 | 22.51 |", "- Not measured: recall at 4,096 tokens.",
      "linearize --recipe recipes/lolcats.json",
      "| libraries.openblasCore | SkylakeX |", "Two runs each.",
      "Not measured: teacher at 2,048 tokens: longer than the model.",
      "| 2 to 3 | 20.000 | 30.000 | 80.000 |",
      "Means over heads, on the teacher's own activations. Next-token distributions: KL 0.25 nats, "
        + "the same most probable token for 80.0 % of 512 tokens. KL by tokens of context: 0 to 63 "
        + "0.125, from 64 on 0.2679. Greedy decoding agrees with the teacher's for 12.5 of 32 tokens, "
        + "mean over 8 prompts (untrained window 9.0).",
    ] {
      #expect(lines.contains(line), "\(line)")
    }
  }

  @Test func `Sections without data are left out of the report`() {
    let text = SampleReports.teacherAlone.markdown
    for heading in [
      "## Tasks", "## Recall", "## Speed", "## Thresholds", "## Fidelity", "## Training",
    ] {
      #expect(!text.contains(heading))
    }
    #expect(text.contains("## Held-out text"))
  }

  @Test func `A code block holds text with fences`() {
    #expect(EvaluationReport.fenced("a\n```\nb") == "````\na\n```\nb\n````\n\n")
  }

  @Test func `Bars and line ends cannot break a table`() {
    var table = TextTable(["a"])
    table.append(["x|y\nz"])
    #expect(table.markdown == "| a |\n| --- |\n| x\\|y z |\n")
  }

  @Test func `A name cannot become a heading, a row, a link or HTML of the report`() {
    var report = SampleReports.full
    report.title = "a\n# Passed <img src=x> [click](http://x)"
    report.notes = ["b\n| forged | 100 % |\n</details><script>"]
    let text = report.markdown
    #expect(text.hasPrefix("# a # Passed &lt;img src=x> \\[click](http://x)\n\n"))
    #expect(text.contains("- b | forged | 100 % | &lt;/details>&lt;script>\n"))
  }
}
