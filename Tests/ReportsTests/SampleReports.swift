import Documents
import Foundation
import Results

@testable import Reports

/// Reports with round numbers.
enum SampleReports {
  /// Two windows of two scored tokens, whose loss's exponential is `perplexity`.
  static func text(_ perplexity: Double, seconds: Double = 0.06) -> PerplexityResult {
    PerplexityResult(
      windows: [
        .init(lossSum: 2 * log(perplexity), scoredTokens: 2, correctTokens: 1),
        .init(lossSum: 2 * log(perplexity), scoredTokens: 2, correctTokens: 0),
      ],
      positions: [
        .init(first: 1, end: 2, lossSum: 2 * log(perplexity), scoredTokens: 2),
        .init(first: 2, end: 4, lossSum: 2 * log(perplexity), scoredTokens: 2),
      ], tokens: 6, seconds: seconds)
  }

  static func task(_ accuracy: Double, hash: String = "5a5a5a5a5a5a5a") -> TaskResult {
    TaskResult(
      name: "arc_easy",
      metrics: [
        .init(name: "acc", value: accuracy, standardError: 0.025, higherIsBetter: true),
        .init(name: "perplexity", value: 10 / accuracy, standardError: nil, higherIsBetter: false),
      ], samples: 300, availableSamples: 2376, truncatedSamples: 2,
      configuration: ["kind": "multiple-choice", "name": "arc_easy"], samplesHash: hash,
      seconds: 1.5, chance: 0.25)
  }

  static let head = FidelityResult.Head(
    meanSquaredError: 0.01, relativeError: 0.125, divergence: 0.5, teacherEntropy: 2,
    studentEntropy: 3, monotonicity: 0.75, teacherReach: 10, studentReach: 20)

  /// Teacher of perplexity 20 and accuracy 0.5, student of 30 and 0.375: half above chance.
  static var full: EvaluationReport {
    var report = EvaluationReport(
      title: "lolcats", teacherName: "models/teacher", studentName: "runs/a:b/student",
      variants: [
        VariantResult(variant: .teacher, text: text(20), tasks: [task(0.5)]),
        VariantResult(
          variant: .student, detail: "window of 64", text: text(30, seconds: 0.03),
          tasks: [task(0.375)],
          recall: [
            .init(kind: "passkey", length: 512, queries: 100, correct: 80, meanLoss: 0.5)
          ]),
        VariantResult(variant: .windowOnly, text: text(80)),
      ])
    report.transferLoss = 22.5
    report.transferLossByLayer = [20, nil, 25]
    report.fidelity = FidelityResult(
      layers: [.init(index: 0, heads: [head, head]), .init(index: 2, heads: [head, head])],
      logitDivergence: 0.25, topAgreement: 0.8, tokens: 512,
      maps: [
        .init(
          layer: 0, head: 1, size: 2, tokens: 2, teacher: [1, 0, 0.25, 0.75],
          student: [1, 0, 0.5, 0.5])
      ],
      positions: [
        .init(first: 0, divergenceSum: 8, tokens: 64),
        .init(first: 64, divergenceSum: 120, tokens: 448),
      ], agreement: .init(prompts: 8, tokens: 32, student: 12.5, untrained: 9))
    report.training = [
      TrainingCurve(
        stage: "attention-transfer", steps: 60, tokens: 61_440, seconds: 200,
        points: [
          .init(step: 1, loss: 121.74, learningRate: 0.01, gradientNorm: 3),
          .init(step: 60, loss: 22.512, learningRate: 0.001, gradientNorm: 1),
        ], validation: [.init(step: 60, loss: 23)])
    ]
    report.speed = SpeedResult(
      teacher: [
        .init(length: 512, prefillTokensPerSecond: 1000, secondsPerToken: 0.01, stateBytes: 100),
        .init(length: 1024, prefillTokensPerSecond: 500, secondsPerToken: 0.02, stateBytes: 200),
      ],
      student: [
        .init(length: 512, prefillTokensPerSecond: 800, secondsPerToken: 0.015, stateBytes: 150),
        .init(length: 1024, prefillTokensPerSecond: 800, secondsPerToken: 0.015, stateBytes: 150),
      ],
      omissions: [.init(role: .teacher, length: 2048, reason: "longer than the model")],
      notes: ["Two runs each."])
    report.peakMemoryBytes = 655_000_000
    report.provenance = [
      "recipe": "lolcats", "seed": 42, "libraries": ["openblasCore": "SkylakeX"],
    ]
    report.recipe = ["name": "lolcats", "seed": 42]
    report.commands = ["linearize --recipe recipes/lolcats.json"]
    report.notes = ["Not measured: recall at 4,096 tokens."]
    report.textHash = "abcdef0123456789"
    report.date = 1_700_000_000.5
    report.seconds = 12.25
    report.judge([("perplexityRatio", nil, 2)])
    return report
  }

  static var teacherAlone: EvaluationReport {
    EvaluationReport(
      title: "teacher alone", teacherName: "t",
      variants: [VariantResult(variant: .teacher, text: text(20))])
  }
}
