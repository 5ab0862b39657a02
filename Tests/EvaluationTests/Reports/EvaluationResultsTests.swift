import Documents
import Foundation
import Testing

@testable import Evaluation

@Suite struct EvaluationResultsTests {
  /// Losses whose exponentials are 20 and 30.
  private var results: EvaluationResults {
    let result = { (perplexity: Double, seconds: Double) in
      PerplexityResult(
        windows: [
          .init(lossSum: 2 * log(perplexity), scoredTokens: 2, correctTokens: 1),
          .init(lossSum: 2 * log(perplexity), scoredTokens: 2, correctTokens: 0),
        ], tokens: 6, seconds: seconds)
    }
    return EvaluationResults(
      title: "lolcats", teacher: result(20, 0.06), student: result(30, 0.03), transferLoss: 22.5,
      transferLossByLayer: [20, nil, 25], peakMemoryBytes: 655_000_000,
      training: [
        .init(
          stage: "attention-transfer", steps: 60, tokens: 61_440,
          curve: [(1, 121.74), (60, 22.512)], seconds: 200)
      ],
      provenance: ["recipe": "lolcats", "seed": 42, "libraries": ["openblasCore": "SkylakeX"]],
      commands: ["linearize --recipe recipes/lolcats.json"])
  }

  @Test func `Results are written under stable keys`() throws {
    let document = results.document
    #expect(
      document.objectValue?.keys == [
        "title", "teacherPerplexity", "studentPerplexity", "perplexityRatio", "teacherLoss",
        "studentLoss", "teacherAccuracy", "studentAccuracy", "transferLoss",
        "teacherTokensPerSecond", "studentTokensPerSecond", "peakMemoryBytes",
        "transferLossByLayer", "tokens", "scoredTokens", "teacherWindowLosses",
        "studentWindowLosses", "keepsThresholds", "thresholds", "training", "provenance",
      ])
    #expect(abs(try #require(document["perplexityRatio"]?.doubleValue) - 1.5) < 1e-12)
    #expect(document["studentTokensPerSecond"]?.doubleValue == 200)
    #expect(document["transferLossByLayer"] == [20.0, nil, 25.0])
    #expect(document["peakMemoryBytes"] == 655_000_000)
    #expect(document["tokens"] == 6)
    #expect(document["scoredTokens"] == 4)
    #expect(try JSONValue(parsing: document.pretty)["training"]?.arrayValue?.count == 1)
  }

  @Test func `What was not measured is null, and misses a bound`() {
    var results = EvaluationResults(title: "teacher alone", teacher: self.results.teacher)
    results.judge([("perplexityRatio", nil, 2), ("teacherPerplexity", nil, 20.001)])
    #expect(results.document["studentPerplexity"] == .null)
    #expect(results.verdicts.map(\.isKept) == [false, true])
    #expect(!results.keepsThresholds)
  }

  @Test(arguments: [
    (nil as Double?, 1.5 as Double?, true), (nil, 1.4999, false), (1.5, nil, true),
    (1.5001, nil, false), (1, 2, true),
  ])
  func `Bounds include their ends`(minimum: Double?, maximum: Double?, isKept: Bool) {
    let verdict = EvaluationResults.Verdict(
      measure: "perplexityRatio", minimum: minimum, maximum: maximum, value: 1.5)
    #expect(verdict.isKept == isKept)
  }

  @Test func `A value that is no number misses every bound`() {
    let verdict = EvaluationResults.Verdict(
      measure: "perplexityRatio", minimum: nil, maximum: nil, value: .nan)
    #expect(!verdict.isKept)
  }

  @Test func `The table of a run is aligned and ends with the verdict`() {
    var results = self.results
    results.judge([("perplexityRatio", nil, 2), ("transferLoss", nil, 10)])
    #expect(
      results.terminalTable == """
        measure             teacher  student
        ------------------  -------  -------
        perplexity           20.000   30.000
        loss, nats a token    2.996    3.401
        top-1 accuracy        0.250    0.250
        tokens/s                100      200
        tokens                    6        6
        perplexity ratio               1.500
        transfer loss                   22.5
        peak memory                   655 MB

        threshold            bounds  value  verdict
        ---------------  ----------  -----  -------
        perplexityRatio   at most 2    1.5     kept
        transferLoss     at most 10   22.5   missed

        Missed 1 of 2 thresholds: transferLoss.

        """)
  }

  @Test func `The report tells verdict, numbers, layers, curve and how to repeat`() {
    var results = self.results
    results.judge([("perplexityRatio", nil, 2)])
    let lines = results.markdown.split(separator: "\n").map(String.init)
    for line in [
      "# lolcats", "**The threshold was kept.**", "| perplexity | 20.000 | 30.000 |",
      "| perplexityRatio | at most 2 | 1.5 | kept |", "| 1 | keeps softmax |", "| 2 | 25 |",
      "**attention-transfer**: 60 steps, 61,440 tokens in 3 min 20 s, 307 tokens/s.",
      "| 60 | 22.51 |", "linearize --recipe recipes/lolcats.json",
      "| libraries.openblasCore | SkylakeX |",
      "Perplexity is that of 4 tokens in 2 sequences; the first token of each is not scored.",
    ] {
      #expect(lines.contains(line), "\(line)")
    }
  }
}
