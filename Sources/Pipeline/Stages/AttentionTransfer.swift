import Documents
import Operations
import Transformers

/// Stage 1 of LoLCATs (arXiv 2410.10254, section 3.2): the student's attention in every layer
/// learns to give the teacher's on the teacher's own queries, keys and values.
public struct AttentionTransfer: StageSpecification {
  public static let name = "attention-transfer"
  public static let summary =
    "Trains every layer's new attention to give the outputs of the teacher's, layer by layer."
  public static let phase = StagePhase.transfer

  /// Numbers that the original's runs use.
  public static let defaultLearningRate = 1e-2

  private let trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  let losses: LayerLosses
  let activations: StoredActivationsSpecification?

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    losses = LayerLosses(
      reader.losses(
        of: LossRegistry.layerVariants(comparesWeights: true), weight: { $0.weight },
        keys: [
          "meanSquaredErrorWeight", "attentionWeightCrossEntropyWeight", "attentionWeightFloor",
        ], shortForm: Self.shortForm), reads: .projections)
    activations = reader.storedActivations()
  }

  private static func shortForm(_ reader: DocumentReader) -> [JSONValue] {
    let error =
      reader.optionalNumber(
        "meanSquaredErrorWeight", in: 0...Double.infinity,
        "Weight of the loss \"\(OutputMeanSquaredError.kind)\"; 1000 unless given.") ?? 1000
    let crossEntropy =
      reader.optionalNumber(
        "attentionWeightCrossEntropyWeight", in: 0...Double.infinity,
        "Weight of the loss \"\(AttentionWeightCrossEntropy.kind)\"; 0 unless given.") ?? 0
    let floor: AttentionWeightFloor = reader.choice(
      "attentionWeightFloor", default: .clamp,
      "\"floor\" of the loss \"\(AttentionWeightCrossEntropy.kind)\".")
    if error == 0, crossEntropy == 0 {
      reader.report(
        "meanSquaredErrorWeight",
        "found 0 beside attentionWeightCrossEntropyWeight 0; one of the two must be above 0, or "
          + "there is no loss")
    }
    var losses: [JSONValue] = []
    if error > 0 {
      losses.append(["kind": .string(OutputMeanSquaredError.kind), "weight": .number(error)])
    }
    if crossEntropy > 0 {
      losses.append([
        "kind": .string(AttentionWeightCrossEntropy.kind), "weight": .number(crossEntropy),
        "floor": .string(floor.rawValue),
      ])
    }
    return losses
  }
}

extension AttentionTransfer: TransferStage {
  public func problem(after earlier: [RecipeStage]) -> String? {
    guard let stage = earlier.first(where: { $0.specification.changesProjections }) else {
      return nil
    }
    return "fits the new attention to the teacher's queries, keys and values, but "
      + "\(stage.described) before it has given the student others; put it before that stage, or "
      + "use \"\(OutputAlignment.name)\", which reads the student's own"
  }

  /// The mixers are trainable as they are made.
  func prepare(_ student: Decoder, seed: UInt64) {}

  func trainedNames(_ names: StudentNames) -> [String] { names.mixers }

  func cost(_ sizes: StageSizes) -> StageCost {
    sizes.transfer(
      parameters: sizes.mixerParameters, trainedOperations: sizes.mixerOperations,
      activations: activations)
  }
}
