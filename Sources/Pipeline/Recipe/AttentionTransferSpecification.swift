import Documents
import Operations
import Transformers

/// Stage 1 of LoLCATs (arXiv 2410.10254, section 3.2): the student's attention in every layer
/// learns to give the teacher's per-head outputs on the teacher's own inputs.
public struct AttentionTransferSpecification: StageSpecification, Equatable {
  public static let name = "attention-transfer"
  public static let summary =
    "Trains every layer's new attention to give the outputs of the teacher's, layer by layer."
  public static let phase = StagePhase.transfer

  /// Numbers that the original's runs use.
  public static let defaultLearningRate = 1e-2

  private var trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  public var meanSquaredErrorWeight: Double
  /// Weight of the cross-entropy between rows of teacher's and student's attention weights; above
  /// 0 the stage computes both matrices, in tiles: time is quadratic in the sequence, memory linear.
  public var attentionWeightCrossEntropyWeight: Double
  public var attentionWeightFloor: AttentionWeightFloor
  /// Training from stored attention inputs; `nil` trains while the teacher passes.
  public var activations: StoredActivationsSpecification?

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    meanSquaredErrorWeight = reader.number(
      "meanSquaredErrorWeight", in: 0...Double.infinity, default: 1000,
      "Weight of the mean squared error between per-head outputs, before the output projection.")
    attentionWeightCrossEntropyWeight = reader.number(
      "attentionWeightCrossEntropyWeight", in: 0...Double.infinity, default: 0,
      "Weight of the cross-entropy between rows of attention weights; above 0 costs time "
        + "quadratic in the sequence length.")
    attentionWeightFloor = reader.choice(
      "attentionWeightFloor", default: .clamp,
      "What keeps that cross-entropy's logarithm finite; clamp: log max(w, 1e-12), as LoLCATs; "
        + "add: log(w + 1e-9), as Hedgehog.")
    activations = reader.storedActivations()
    if meanSquaredErrorWeight == 0, attentionWeightCrossEntropyWeight == 0 {
      reader.report(
        "meanSquaredErrorWeight",
        "found 0 beside attentionWeightCrossEntropyWeight 0; one of the two must be above 0, or "
          + "there is no loss")
    }
  }
}

extension AttentionTransferSpecification: TransferStageSpecification {
  var objective: any LayerObjective { TransferObjective(self) }

  /// The mixers are trainable as they are made.
  func prepare(_ student: Decoder) {}

  func train(in context: StageContext) throws {
    try AttentionTransferStage(specification: self, context: context).run()
  }

  func trainedNames(_ names: StudentNames) -> [String] {
    names.mixers
  }

  func cost(_ sizes: StageSizes) -> StageCost {
    sizes.transfer(
      parameters: sizes.mixerParameters, trainedOperations: sizes.mixerOperations,
      activations: activations)
  }
}
