import Documents

/// Stage 2 of LoLCATs (arXiv 2410.10254, section 3.3): low-rank updates of the attention
/// projections, trained on next-token cross-entropy.
public struct LowRankAdaptationSpecification: StageSpecification, Equatable {
  public static let name = "low-rank-adaptation"
  public static let summary =
    "Trains low-rank updates of the attention projections to predict the next token."
  public static let phase = StagePhase.adaptation

  public static let defaultLearningRate = 1e-4

  /// A projection of the attention that an update is added to.
  public enum Target: String, CaseIterable, Sendable { case queries, keys, values, output }

  private var trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  public var rank: Int
  /// The update is `alpha / rank * B A`.
  public var alpha: Double
  /// Probability that an input of `A` is set to zero in training.
  public var dropout: Double
  /// In the order of the recipe, without repetition.
  public var targets: [Target]
  /// Whether feature maps and window factors go on training; LoLCATs freezes them here.
  public var trainFeatureMaps: Bool
  /// Whether layers are computed again in the backward pass instead of kept.
  public var activationCheckpointing: Bool
  /// Whether the updates are added into the weights at the end.
  public var merge: Bool

  /// What `B A` is multiplied by.
  public var scale: Double { alpha / Double(rank) }

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    rank = reader.integer("rank", in: 1...16_384, default: 8, "Rank of the updates.")
    alpha = reader.number(
      "alpha", above: 0, default: 16, "An update is alpha / rank times the product B A.")
    dropout = reader.number(
      "dropout", in: 0...Double.infinity, below: 1, default: 0,
      "Probability that an input of A is set to zero in training.")
    let words = Target.allCases.map(\.rawValue)
    targets = reader.strings(
      "targets", of: words, default: words, "Projections of the attention that are updated."
    ).compactMap(Target.init)
    trainFeatureMaps = reader.boolean(
      "trainFeatureMaps", default: false,
      "Go on training feature maps and window factors; the paper freezes them here.")
    activationCheckpointing = reader.boolean(
      "activationCheckpointing", default: false,
      "Compute each layer again in the backward pass instead of keeping its activations.")
    merge = reader.boolean(
      "merge", default: false, "Add the updates into the weights at the end.")
    if Set(targets).count < targets.count {
      reader.report("targets", "names a projection twice; expected each at most once")
    }
    if targets.isEmpty, !trainFeatureMaps {
      reader.report(
        "targets", "is empty; expected at least one of \(words.joined(separator: ", "))")
    }
  }
}

extension LowRankAdaptationSpecification: StudentStageSpecification {
  func train(in context: StageContext) throws {
    try LowRankAdaptationStage(specification: self, context: context).run()
  }

  func cost(_ sizes: StageSizes) -> StageCost {
    var parameters = trainFeatureMaps ? sizes.mixerParameters : 0
    for target in targets {
      let width =
        switch target {
        case .queries, .output: sizes.heads
        case .keys, .values: sizes.configuration.attention.keyWidth
        }
      parameters += sizes.convertedLayers * rank * (sizes.hidden + width)
    }
    let forwards = activationCheckpointing ? 2.0 : 1.0
    return StageCost(
      parameters: parameters,
      memoryBytes: 4 * parameters * 5 + sizes.graphBytes(isCheckpointed: activationCheckpointing)
        + sizes.scratchBytes, diskBytes: 4 * parameters * 12,
      operationsPerToken: (forwards + 1) * sizes.bodyOperations + 2 * sizes.headOperations
        + (forwards + 2) * sizes.mixerOperations)
  }
}
