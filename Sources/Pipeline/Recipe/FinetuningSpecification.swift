import Documents
import Training

/// The student's own weights, all or some, on next-token cross-entropy: the last step of
/// Hedgehog's conversions (arXiv 2402.04347, section 5), and with longer sequences the context
/// extension of RADLADS (arXiv 2505.03005, its third stage).
public struct FinetuningSpecification: StageSpecification, Equatable {
  public static let name = "finetune"
  public static let summary =
    "Trains the student's weights, all or those named, to predict the next token."
  public static let phase = StagePhase.adaptation

  public static let defaultLearningRate = 1e-5

  private var trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  /// Patterns of the names of what is trained.
  public var parameters: [NamePattern]
  public var sequenceLength: Int?
  /// Whether layers are computed again in the backward pass instead of kept.
  public var activationCheckpointing: Bool

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    parameters = reader.namePatterns(
      "parameters", "Names of what is trained; * stands for any characters.")
    sequenceLength = reader.stageSequenceLength()
    activationCheckpointing = reader.activationCheckpointing()
  }
}

extension FinetuningSpecification: NamedWeightsSpecification {
  var untiesHead: Bool { false }

  func train(in context: StageContext) throws {
    try FinetuningStage(specification: self, context: context).run()
  }

  func cost(_ sizes: StageSizes) -> StageCost {
    sizes.allWeights(isCheckpointed: activationCheckpointing)
  }
}
