import Documents
import Transformers

/// Stage 2 of LoLCATs (arXiv 2410.10254, section 3.3): the student repairs what transfer left, by
/// low-rank updates of its projections trained on next tokens.
public struct LowRankAdaptation: StageSpecification {
  public static let name = "low-rank-adaptation"
  public static let summary =
    "Trains low-rank updates of the attention projections to predict the next token."
  public static let phase = StagePhase.adaptation

  /// The rate unless the recipe names one.
  public static let defaultLearningRate = 1e-4

  private let trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  let losses: [any TokenLoss]
  let updates: LowRankUpdates
  /// Whether layers are computed again in the backward pass instead of kept.
  let activationCheckpointing: Bool

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    losses = reader.nextTokenLosses(comparesTeacher: true)
    updates = LowRankUpdates(reader)
    activationCheckpointing = reader.activationCheckpointing()
  }
}

extension LowRankAdaptation: TrainingStage {
  var decaysVectors: Bool { true }
  public var leavesAdapters: Bool { !updates.merge }

  public func problem(after earlier: [RecipeStage]) -> String? {
    earlier.adapterProblem("would put its own in their place")
  }

  func prepare(_ student: Decoder, seed: UInt64) { updates.add(to: student, seed: seed) }

  func makeObjective(
    _ id: String, data: RecipeData, in context: StageContext
  ) -> any Objective {
    TokenObjective(losses, isCheckpointed: activationCheckpointing, in: context)
  }

  func finish(_ context: StageContext) { updates.finish(context) }

  func trainedNames(_ names: StudentNames) -> [String] { updates.trainedNames(names) }

  func cost(_ sizes: StageSizes) -> StageCost {
    var cost = sizes.lowRank(updates, isCheckpointed: activationCheckpointing)
    if losses.contains(where: \.readsTeacher) { cost.addTeacherDistributions(sizes) }
    return cost
  }
}
