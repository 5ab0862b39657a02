import Documents
import Training
import Transformers

/// Stage 2 of RADLADS (arXiv 2505.03005, section 3.2): the whole student learns the teacher's
/// next-token distributions.
public struct LogitDistillation: StageSpecification {
  public static let name = "logit-distillation"
  public static let summary =
    "Trains the student's weights, all or those named, on the teacher's next-token distributions."
  public static let phase = StagePhase.adaptation

  /// The rate unless the recipe names one.
  public static let defaultLearningRate = 1e-5

  private let trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  let losses: [any TokenLoss]
  let parameters: [NamePattern]
  let untiesHead: Bool
  let cachedLogits: CachedLogitsSpecification?
  public let sequenceLength: Int?
  /// Whether layers are computed again in the backward pass instead of kept.
  let activationCheckpointing: Bool

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    losses = reader.losses(
      of: LossRegistry.tokenVariants(comparesTeacher: true), weight: { $0.weight },
      keys: ["klWeight", "crossEntropyWeight"], shortForm: Self.shortForm)
    parameters = reader.namePatterns(
      "parameters", "Names of what is trained; * stands for any characters.")
    untiesHead = reader.boolean(
      "untiesHead", default: true,
      "Train a head that shares the embedding's weights as a matrix of its own.")
    cachedLogits = reader.optionalObject(
      "cachedLogits",
      "Read the teacher's most probable tokens from a file instead of computing its logits in every "
        + "step; written when it is not there.", CachedLogitsSpecification.init)
    sequenceLength = reader.stageSequenceLength()
    activationCheckpointing = reader.activationCheckpointing()
    if !losses.isEmpty, !losses.contains(where: { $0.readsTeacher && $0.weight > 0 }) {
      reader.report(
        "losses",
        "compare nothing with the teacher; expected \"\(TeacherDivergence.kind)\" of a weight above "
          + "0, or the stage \"\(Finetune.name)\", which does without a teacher")
    }
  }

  private static func shortForm(_ reader: DocumentReader) -> [JSONValue] {
    let divergence =
      reader.optionalNumber(
        "klWeight", above: 0,
        "Weight of the loss \"\(TeacherDivergence.kind)\"; 1 unless given.") ?? 1
    let crossEntropy =
      reader.optionalNumber(
        "crossEntropyWeight", in: 0...Double.infinity,
        "Weight of the loss \"\(TokenCrossEntropy.kind)\", which is measured in any case; 0 unless "
          + "given.") ?? 0
    return [
      ["kind": .string(TeacherDivergence.kind), "weight": .number(divergence)],
      ["kind": .string(TokenCrossEntropy.kind), "weight": .number(crossEntropy)],
    ]
  }
}

extension LogitDistillation: NamedWeightsStage {
  func makeObjective(
    _ id: String, data: RecipeData, in context: StageContext
  ) throws -> any Objective {
    let cache = try cachedLogits.map {
      try LogitCache.open(
        $0, stage: id,
        sequences: StageSequences(
          data, steps: trainingSpecification.steps(on: data),
          sequencesPerStep: trainingSpecification.sequencesPerStep), context: context)
    }
    return TokenObjective(
      losses: losses, student: context.student,
      teacher: cache.map { .stored($0) } ?? .computed(context.teacher.decoder),
      isCheckpointed: activationCheckpointing, hasDropout: false)
  }

  public func checkInputs(
    sequenceLength dataLength: Int, teacher: DecoderConfiguration,
    teacherDigest: () throws -> String
  ) throws {
    guard let cachedLogits else { return }
    if cachedLogits.topK > teacher.vocabularySize {
      throw StageMistake(
        stage: name, field: "cachedLogits.topK",
        problem:
          "found \(cachedLogits.topK), expected at most the \(teacher.vocabularySize) tokens "
          + "that the teacher has")
    }
    try cachedLogits.check(
      sequenceLength: sequenceLength ?? dataLength, teacherDigest: teacherDigest)
  }

  func cost(_ sizes: StageSizes) -> StageCost {
    var cost = sizes.allWeights(isCheckpointed: activationCheckpointing)
    if untiesHead, sizes.configuration.tiesHead {
      let head = sizes.configuration.vocabularySize * sizes.hidden
      cost.parameters += head
      cost.memoryBytes += 4 * head * 6
      cost.diskBytes += 4 * head * 13
    }
    if let cachedLogits {
      cost.diskBytes += sizes.tokens * (8 * cachedLogits.topK + 4)
    } else {
      cost.addTeacherDistributions(sizes)
    }
    return cost
  }
}
