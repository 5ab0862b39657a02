import Documents

extension EvaluationResults {
  static let measures = [
    "teacherPerplexity", "studentPerplexity", "perplexityRatio", "teacherLoss", "studentLoss",
    "teacherAccuracy", "studentAccuracy", "transferLoss", "teacherTokensPerSecond",
    "studentTokensPerSecond", "peakMemoryBytes",
  ]

  /// `results.json`. Keys are always there; what was not measured is null. Losses are in nats,
  /// accuracies are shares of scored tokens.
  public var document: JSONValue {
    var object = JSONObject([("title", .string(title))])
    for measure in Self.measures { object[measure] = number(value(of: measure)) }
    object["peakMemoryBytes"] = peakMemoryBytes.map { .integer($0) } ?? .null
    object["transferLossByLayer"] = .array(transferLossByLayer.map(number))
    object["tokens"] = integer((student ?? teacher)?.tokens)
    object["scoredTokens"] = integer((student ?? teacher)?.scoredTokens)
    object["teacherWindowLosses"] = windowLosses(teacher)
    object["studentWindowLosses"] = windowLosses(student)
    object["keepsThresholds"] = .bool(keepsThresholds)
    object["thresholds"] = .array(
      verdicts.map { verdict in
        [
          "measure": .string(verdict.measure), "minimum": number(verdict.minimum),
          "maximum": number(verdict.maximum), "value": number(verdict.value),
          "isKept": .bool(verdict.isKept),
        ]
      })
    object["training"] = .array(
      training.map { stage in
        [
          "stage": .string(stage.stage), "steps": .integer(stage.steps),
          "tokens": .integer(stage.tokens), "seconds": .number(stage.seconds),
          "curve": .array(stage.curve.map { [.integer($0.step), .number($0.loss)] }),
        ]
      })
    object["provenance"] = .object(provenance)
    return .object(object)
  }

  private func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
  private func integer(_ value: Int?) -> JSONValue { value.map { .integer($0) } ?? .null }

  private func windowLosses(_ result: PerplexityResult?) -> JSONValue {
    result.map { .array($0.windows.map { .number($0.meanLoss) }) } ?? .null
  }
}
