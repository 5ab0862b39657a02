import Documents
import Results

extension EvaluationReport {
  /// Counts changes after which a reader of the member `linearize` no longer understands it.
  static let format = 1

  /// The program's own member of `results.json`; `StoredResults` reads it back.
  var linearizeMember: JSONValue {
    [
      "format": .integer(Self.format),
      "note": .string(
        "The members before this one follow lm-eval \(Self.imitatedVersion), whose tools read "
          + "them; linearize made them, not lm-eval."),
      "title": .string(title),
      "teacher": string(teacherName), "student": string(studentName),
      "verdict": .string(headline),
      "measures": .object(
        JSONObject(Self.measures.map { ($0.name, number(value(of: $0.name))) })),
      "variants": .object(JSONObject(variants.map { ($0.variant.rawValue, encode($0)) })),
      "textHash": string(textHash),
      "linearShare": linearShare.map(encode) ?? .null,
      "trainingGain": trainingGain.map(encode) ?? .null,
      "fidelity": fidelity.map(encode) ?? .null,
      "transferLoss": number(transferLoss),
      "transferLossByLayer": .array(transferLossByLayer.map(number)),
      "training": .array(training.map(encode)),
      "speed": speed?.document ?? .null,
      "cache": cache?.document ?? .null,
      "selection": selection?.document ?? .null,
      "peakMemoryBytes": peakMemoryBytes.map { .integer($0) } ?? .null,
      "keepsThresholds": .bool(keepsThresholds),
      "thresholds": .array(verdicts.map(encode)),
      "date": .number(date), "seconds": .number(seconds),
      "provenance": .object(provenance),
      "recipe": recipe ?? .null,
      "notes": .array(notes.map { .string($0) }),
      "commands": .array(commands.map { .string($0) }),
    ]
  }

  private func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
  private func string(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
  private func numbers(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }
  private func integers(_ values: [Int]) -> JSONValue { .array(values.map { .integer($0) }) }

  private func encode(_ result: VariantResult) -> JSONValue {
    [
      "title": .string(result.variant.title), "detail": .string(result.detail),
      "text": result.text.map(encode) ?? .null,
      "tasks": .object(JSONObject(result.tasks.map { ($0.name, encode($0)) })),
      "recall": .array(result.recall.map(encode)),
    ]
  }

  private func encode(_ text: PerplexityResult) -> JSONValue {
    [
      "perplexity": .number(text.perplexity), "loss": .number(text.meanLoss),
      "lossStandardError": number(text.lossStandardError), "accuracy": .number(text.accuracy),
      "tokens": .integer(text.tokens), "scoredTokens": .integer(text.scoredTokens),
      "seconds": .number(text.seconds), "tokensPerSecond": .number(text.tokensPerSecond),
      "windowLosses": numbers(text.windows.map(\.meanLoss)),
      "windowLossSums": numbers(text.windows.map(\.lossSum)),
      "windowScoredTokens": integers(text.windows.map(\.scoredTokens)),
      "windowCorrectTokens": integers(text.windows.map(\.correctTokens)),
      "positions": .array(
        text.positions.map {
          [
            "first": .integer($0.first), "end": .integer($0.end), "loss": .number($0.meanLoss),
            "lossSum": .number($0.lossSum), "scoredTokens": .integer($0.scoredTokens),
          ]
        }),
    ]
  }

  private func encode(_ task: TaskResult) -> JSONValue {
    [
      "metrics": .object(
        JSONObject(
          task.metrics.map {
            (
              $0.name,
              [
                "value": .number($0.value), "standardError": number($0.standardError),
                "higherIsBetter": .bool($0.higherIsBetter),
              ]
            )
          })),
      "samples": .integer(task.samples), "availableSamples": .integer(task.availableSamples),
      "truncatedSamples": .integer(task.truncatedSamples), "shots": .integer(task.shots),
      "version": .number(task.version), "samplesHash": .string(task.samplesHash),
      "chance": number(task.chance), "seconds": .number(task.seconds),
    ]
  }

  private func encode(_ recall: RecallResult) -> JSONValue {
    [
      "kind": .string(recall.kind), "length": .integer(recall.length),
      "queries": .integer(recall.queries), "correct": .integer(recall.correct),
      "accuracy": .number(recall.accuracy), "standardError": .number(recall.standardError),
      "loss": .number(recall.meanLoss),
    ]
  }

  private func encode(_ share: LinearShare) -> JSONValue {
    [
      "sentence": .string(share.sentence), "hasEarnedItsPlace": .bool(share.hasEarnedItsPlace),
      "share": number(share.share), "studentLoss": .number(share.studentLoss),
      "teacherLoss": number(share.teacherLoss),
      "withoutLinearLoss": .number(share.withoutLinearLoss), "gain": .number(share.gain),
      "gainStandardError": number(share.gainStandardError),
      "untrainedLoss": number(share.untrainedLoss),
      "gainOverUntrained": number(share.gainOverUntrained),
      "gainOverUntrainedStandardError": number(share.gainOverUntrainedStandardError),
    ]
  }

  private func encode(_ gain: TrainingGain) -> JSONValue {
    [
      "gain": .number(gain.gain), "gainStandardError": number(gain.gainStandardError),
      "share": number(gain.share), "studentLoss": .number(gain.studentLoss),
      "untrainedLoss": .number(gain.untrainedLoss), "teacherLoss": number(gain.teacherLoss),
    ]
  }

  private func encode(_ fidelity: FidelityResult) -> JSONValue {
    [
      "logitDivergence": number(fidelity.logitDivergence),
      "positions": .array(
        fidelity.positions.map {
          [
            "first": .integer($0.first), "divergence": .number($0.divergence),
            "divergenceSum": .number($0.divergenceSum), "tokens": .integer($0.tokens),
          ]
        }),
      "agreement": fidelity.agreement.map {
        [
          "prompts": .integer($0.prompts), "tokens": .integer($0.tokens),
          "student": .number($0.student), "untrained": number($0.untrained),
        ]
      } ?? .null,
      "topAgreement": number(fidelity.topAgreement), "tokens": .integer(fidelity.tokens),
      "layers": .array(
        fidelity.layers.map { layer in
          [
            "index": .integer(layer.index),
            "heads": .array(
              layer.heads.map { head in
                .object(
                  JSONObject(
                    FidelityResult.Head.numbers.map { ($0, .number(head[keyPath: $1])) }
                      + (head.far.map(encode) ?? [])))
              }),
          ]
        }),
    ]
  }

  private func encode(_ far: FidelityResult.FarShare) -> [(String, JSONValue)] {
    [
      ("teacherFarMass", .number(far.teacherMass)), ("studentFarMass", number(far.studentMass)),
      ("teacherFarOutput", .number(far.teacherOutput)),
      ("studentFarOutput", .number(far.studentOutput)),
    ]
  }

  private func encode(_ curve: TrainingCurve) -> JSONValue {
    let encode = { (point: TrainingCurve.Point) -> JSONValue in
      [
        "step": .integer(point.step), "loss": .number(point.loss),
        "learningRate": self.number(point.learningRate),
        "gradientNorm": self.number(point.gradientNorm),
      ]
    }
    return [
      "stage": .string(curve.stage), "steps": .integer(curve.steps),
      "tokens": .integer(curve.tokens), "seconds": .number(curve.seconds),
      "points": .array(curve.points.map(encode)),
      "validation": .array(curve.validation.map(encode)),
    ]
  }

  private func encode(_ verdict: Verdict) -> JSONValue {
    [
      "measure": .string(verdict.measure), "minimum": number(verdict.minimum),
      "maximum": number(verdict.maximum), "value": number(verdict.value),
      "isKept": .bool(verdict.isKept), "origin": string(verdict.origin),
    ]
  }
}

extension FidelityResult.Head {
  /// Every number of a head under its name in files.
  static let numbers: [(name: String, path: WritableKeyPath<Self, Double> & Sendable)] = [
    ("meanSquaredError", \.meanSquaredError), ("relativeError", \.relativeError),
    ("divergence", \.divergence), ("teacherEntropy", \.teacherEntropy),
    ("studentEntropy", \.studentEntropy), ("monotonicity", \.monotonicity),
    ("teacherReach", \.teacherReach), ("studentReach", \.studentReach),
  ]
}
