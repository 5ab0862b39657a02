import Documents
import Models

/// Training from scratch: every weight of the teacher, and of the student's attention if there is
/// one, on next-token cross-entropy.
public struct PretrainingSpecification: StageSpecification, Equatable {
  public static let name = "pretrain"
  public static let summary =
    "Trains all weights of a model to predict the next token, from random ones or a checkpoint's."
  public static let phase = StagePhase.pretraining

  public static let defaultLearningRate = 1e-3

  private var trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  /// Whether layers are computed again in the backward pass instead of kept.
  public var activationCheckpointing: Bool
  /// Of the tensors in the folder that it writes.
  public var dtype: ExportType

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    activationCheckpointing = reader.activationCheckpointing()
    dtype = reader.choice(
      "dtype", default: .float32, "Type of the tensors in the folder that the stage writes.")
  }
}

extension PretrainingSpecification: TrainingStageSpecification {
  func trainedNames(_ names: StudentNames) -> [String] {
    names.mixers + names.weights
  }

  func cost(_ sizes: StageSizes) -> StageCost {
    sizes.allWeights(isCheckpointed: activationCheckpointing)
  }
}
