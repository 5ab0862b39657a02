import Documents

/// Stage 2 of LoLCATs (arXiv 2410.10254, section 3.3): low-rank updates of the attention
/// projections, trained on next-token cross-entropy.
public struct LowRankAdaptationSpecification: StageSpecification, Equatable {
  public static let name = "low-rank-adaptation"
  public static let summary =
    "Trains low-rank updates of the attention projections to predict the next token."
  public static let phase = StagePhase.adaptation

  public static let defaultLearningRate = 1e-4

  private var trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  public var updates: LowRankUpdates
  /// Whether layers are computed again in the backward pass instead of kept.
  public var activationCheckpointing: Bool

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    updates = LowRankUpdates(reader)
    activationCheckpointing = reader.activationCheckpointing()
  }
}

extension LowRankAdaptationSpecification: StudentStageSpecification {
  func train(in context: StageContext) throws {
    try LowRankAdaptationStage(specification: self, context: context).run()
  }

  func trainedNames(_ names: StudentNames) -> [String] {
    updates.trainedNames(names)
  }

  func cost(_ sizes: StageSizes) -> StageCost {
    sizes.lowRank(updates, isCheckpointed: activationCheckpointing)
  }
}
