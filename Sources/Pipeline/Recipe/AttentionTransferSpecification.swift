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
    activations = reader.optionalObject(
      "activations",
      "Train from stored attention inputs, a block of layers at a time, for a teacher larger than "
        + "memory; null trains while the teacher passes.", StoredActivationsSpecification.init)
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

  func cost(_ sizes: StageSizes) -> StageCost {
    let parameters = sizes.mixerParameters
    var disk = 4 * parameters * (3 + 4 * 2 + 1)
    if let activations {
      let bytes = activations.storage == .bfloat16 ? 2 : 4
      disk += sizes.tokens * sizes.hidden * (bytes * activations.layersPerBlock + 4) * 2
    }
    return StageCost(
      parameters: parameters, memoryBytes: 4 * parameters * 5 + sizes.scratchBytes,
      diskBytes: disk,
      operationsPerToken: sizes.bodyOperations + sizes.softmaxOperations
        + 3 * sizes.mixerOperations)
  }
}

/// How attention inputs are stored for training layer by layer.
public struct StoredActivationsSpecification: Sendable, Equatable {
  public enum Storage: String, CaseIterable, Sendable { case float32, bfloat16 }

  public var storage: Storage
  /// Layers whose inputs are captured, trained and deleted together.
  public var layersPerBlock: Int

  public init(_ reader: DocumentReader) {
    storage = reader.choice(
      "storage", default: .float32,
      "Type of the stored activations; bfloat16 halves the file and rounds.")
    layersPerBlock = reader.integer(
      "layersPerBlock", in: 1...Int.max, default: 1,
      "Layers whose inputs are captured and trained together.")
  }
}
