import Documents
import Training
import Transformers

/// The student's own weights, all or some, on next-token cross-entropy: the last step of
/// Hedgehog's conversions (arXiv 2402.04347, section 5), and with longer sequences the context
/// extension of RADLADS (arXiv 2505.03005, its third stage).
public struct Finetune: StageSpecification {
  public static let name = "finetune"
  public static let summary =
    "Trains the student's weights, all or those named, to predict the next token."
  public static let phase = StagePhase.adaptation

  /// The rate unless the recipe names one.
  public static let defaultLearningRate = 1e-5

  private let trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  let losses: [any TokenLoss]
  let parameters: [NamePattern]
  public let sequenceLength: Int?
  /// Whether layers are computed again in the backward pass instead of kept.
  let activationCheckpointing: Bool

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    losses = reader.nextTokenLosses(comparesTeacher: false)
    parameters = reader.namePatterns(
      "parameters", "Names of what is trained; * stands for any characters.")
    sequenceLength = reader.stageSequenceLength()
    activationCheckpointing = reader.activationCheckpointing()
  }
}

extension Finetune: NamedWeightsStage {
  var untiesHead: Bool { false }

  func makeObjective(
    _ id: String, data: RecipeData, in context: StageContext
  ) -> any Objective {
    TokenObjective(losses, isCheckpointed: activationCheckpointing, in: context)
  }

  func cost(_ sizes: StageSizes) -> StageCost {
    sizes.allWeights(isCheckpointed: activationCheckpointing)
  }
}
