import Documents
import Students
import Transformers

/// Stage 1 of RADLADS (arXiv 2505.03005, section 3.2): on the teacher's residual stream the whole
/// new attention of every layer, its projections included, learns what the teacher's adds to it.
public struct OutputAlignmentSpecification: StageSpecification, Equatable {
  public static let name = "output-alignment"
  public static let summary =
    "Trains every layer's new attention and its projections to add what the teacher's adds."
  public static let phase = StagePhase.transfer

  /// The original's, with a quarter cosine down to 1e-5.
  public static let defaultLearningRate = 1e-3

  private var trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  var loss: AlignmentObjective.Loss
  /// Training from stored attention inputs; `nil` trains while the teacher passes.
  public var activations: StoredActivationsSpecification?

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    loss = reader.choice(
      "loss", default: .l2,
      "Distance between attention outputs behind the output projection; l2: the norm of a token's "
        + "difference over the root of the width; mse: the mean square.")
    activations = reader.storedActivations()
  }
}

extension OutputAlignmentSpecification: TransferStageSpecification {
  var objective: any LayerObjective { AlignmentObjective(loss: loss) }

  /// The projections, with biases and head norms, become the student's own.
  func prepare(_ student: Decoder) {
    let projections = Set(StudentNames(student).projections)
    student.unfreezeWeights { projections.contains($0) }
  }

  func train(in context: StageContext) throws {
    try AttentionTransferStage(specification: self, context: context).run()
  }

  func trainedNames(_ names: StudentNames) -> [String] {
    names.mixers + names.projections
  }

  func cost(_ sizes: StageSizes) -> StageCost {
    sizes.transfer(
      parameters: sizes.mixerParameters + sizes.projectionParameters,
      trainedOperations: sizes.mixerOperations + 2 * Double(sizes.projectionParameters),
      activations: activations)
  }
}
