import Documents
import Training
import Transformers

/// Stage 2 of RADLADS (arXiv 2505.03005, section 3.2): the whole student learns the teacher's
/// next-token distributions.
public struct LogitDistillationSpecification: StageSpecification, Equatable {
  public static let name = "logit-distillation"
  public static let summary =
    "Trains the student's weights, all or those named, on the teacher's next-token distributions."
  public static let phase = StagePhase.adaptation

  public static let defaultLearningRate = 1e-5

  private var trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  /// Weight of the divergence of the student's distribution from the teacher's, at temperature 1.
  public var klWeight: Double
  /// Weight of the cross-entropy of the text itself.
  public var crossEntropyWeight: Double
  public var parameters: [NamePattern]
  public var untiesHead: Bool
  public var cachedLogits: CachedLogitsSpecification?
  public var sequenceLength: Int?
  /// Whether layers are computed again in the backward pass instead of kept.
  public var activationCheckpointing: Bool

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    klWeight = reader.number(
      "klWeight", above: 0, default: 1,
      "Weight of KL(teacher || student) at temperature 1, in nats a token.")
    crossEntropyWeight = reader.number(
      "crossEntropyWeight", in: 0...Double.infinity, default: 0,
      "Weight of the text's own next-token cross-entropy, in nats a token.")
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
  }
}

extension LogitDistillationSpecification: NamedWeightsSpecification {
  func train(in context: StageContext) throws {
    try LogitDistillationStage(specification: self, context: context).run()
  }

  func checkInputs(
    _ recipe: Recipe, teacher: DecoderConfiguration, teacherDigest: () throws -> String
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
      sequenceLength: sequenceLength ?? recipe.data.packing.sequenceLength,
      teacherDigest: teacherDigest)
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
      cost.memoryBytes +=
        4 * sizes.rows * sizes.hidden + 4 * 64 * sizes.configuration.vocabularySize
      cost.operationsPerToken +=
        sizes.bodyOperations + sizes.softmaxOperations + sizes.headOperations
    }
    return cost
  }
}

/// A file of the teacher's most probable tokens.
public struct CachedLogitsSpecification: Sendable, Equatable {
  /// Relative to the current directory.
  public var path: String
  /// Tokens kept of every position; all others are one.
  public var topK: Int

  public init(_ reader: DocumentReader) {
    path = reader.string("path", "The HDF5 file, relative to the current directory.")
    topK = reader.integer(
      "topK", in: 1...65_536, default: 64,
      "Most probable tokens that are kept of every position; the others' probability is one number."
    )
    if path.isEmpty { reader.report("path", "is empty; expected the file of cached logits") }
  }
}
