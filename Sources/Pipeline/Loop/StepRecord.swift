import Documents

/// One optimizer step as logs tell it.
struct StepRecord {
  /// Counted from 1.
  let step: Int
  /// Measured before the optimizer moved.
  let means: LossMeans
  /// Tokens that took part.
  let tokens: Int
  let learningRate: Double
  /// Of the optimizer's groups.
  let groupRates: [Double]
  let gradientNorm: Double

  /// A line of `metrics.jsonl`: nothing that a clock says.
  func metrics(stage: String) -> JSONValue {
    var metrics = JSONObject([
      ("stage", .string(stage)), ("step", .integer(step)), ("loss", .number(means.loss)),
      ("learningRate", .number(learningRate)), ("gradientNorm", .number(gradientNorm)),
      ("tokens", .integer(tokens)),
    ])
    if !groupRates.isEmpty {
      metrics["groupLearningRates"] = .array(groupRates.map { .number($0) })
    }
    for (name, value) in means.parts { metrics[name] = .number(value) }
    let byLayer = means.byLayer
    if !byLayer.isEmpty { metrics["lossByLayer"] = .array(byLayer.map { .number($0.loss) }) }
    return .object(metrics)
  }

  /// A line of `timings.jsonl`.
  func timings(stage: String, seconds: Double, peakMemoryBytes: Int) -> JSONValue {
    [
      "stage": .string(stage), "step": .integer(step), "seconds": .number(seconds),
      "tokensPerSecond": .number(tokensPerSecond(seconds)),
      "peakMemoryBytes": .integer(peakMemoryBytes),
    ]
  }

  /// Both for TensorBoard.
  ///
  /// - Parameter layers: of the model.
  func scalars(
    seconds: Double, peakMemoryBytes: Int, validationLoss: Double?, layers: Int
  ) -> [(tag: String, value: Double)] {
    var scalars: [(tag: String, value: Double)] = [
      ("loss", means.loss), ("learning_rate", learningRate), ("gradient_norm", gradientNorm),
      ("tokens_per_second", tokensPerSecond(seconds)),
      ("peak_memory_bytes", Double(peakMemoryBytes)),
    ]
    if let validationLoss { scalars.append(("validation_loss", validationLoss)) }
    scalars += groupRates.enumerated().map { ("learning_rate/group_\($0)", $1) }
    scalars += means.parts.map { ("loss/\($0.name)", $0.value) }
    // `loss/layer_07`: tags sort as layers do.
    let width = max(2, String(layers - 1).count)
    scalars += means.byLayer.map { layer, loss in
      let digits = String(layer)
      return ("loss/layer_" + String(repeating: "0", count: width - digits.count) + digits, loss)
    }
    return scalars
  }

  private func tokensPerSecond(_ seconds: Double) -> Double {
    Double(tokens) / max(seconds, 1e-9)
  }
}
