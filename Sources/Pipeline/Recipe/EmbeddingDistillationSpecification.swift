import Documents
import Training

/// The second stage of an encoder's conversion: the student finetuned to give its teacher's
/// embeddings of whole texts (Hedgehog's finetuned conversion, arXiv 2402.04347, section 5, with
/// the teacher in the place of labels; the distance is Sentence-BERT's, arXiv 1908.10084).
public struct EmbeddingDistillationSpecification: StageSpecification, Equatable {
  public static let name = "embedding-distillation"
  public static let summary =
    "Trains an encoder's student, all weights or low-rank updates, to give its teacher's embeddings."
  public static let phase = StagePhase.adaptation
  public static let models = StageModels.encoders

  public static let defaultLearningRate = 1e-4

  private var trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  /// Patterns of the names of what is trained, where `lowRank` is nil.
  public var parameters: [NamePattern]
  public var lowRank: LowRankUpdates?
  /// Weight of the mean squared error between the batch's cosine similarities, beside
  /// `1 − cosine` to the teacher's embedding.
  public var similarityWeight: Double
  /// Whether layers are computed again in the backward pass instead of kept.
  public var activationCheckpointing: Bool

  public init(_ reader: DocumentReader) {
    trainingSpecification = TrainingSpecification(
      reader, learningRate: Self.defaultLearningRate)
    parameters = reader.namePatterns(
      "parameters",
      "Names of what is trained; * stands for any characters. Without effect beside lowRank.")
    lowRank = reader.optionalObject(
      "lowRank",
      "Train low-rank updates of the attention projections instead; null trains weights.",
      LowRankUpdates.init)
    similarityWeight = reader.number(
      "similarityWeight", in: 0...Double.infinity, default: 0,
      "Weight of the mean squared error between the cosine similarities of a batch's texts, "
        + "student's against teacher's.")
    activationCheckpointing = reader.activationCheckpointing()
    if similarityWeight > 0, trainingSpecification.batchSize < 2 {
      reader.report(
        "batchSize",
        "found \(trainingSpecification.batchSize) beside similarityWeight \(similarityWeight), "
          + "expected at least 2: a text has no similarities by itself")
    }
  }
}

extension EmbeddingDistillationSpecification: StudentStageSpecification {
  func train(in context: StageContext) throws {
    try EmbeddingDistillationStage(specification: self, context: context).run()
  }

  func trainedNames(_ names: StudentNames) -> [String] {
    lowRank?.trainedNames(names) ?? names.matching(parameters, untiesHead: false)
  }

  func cost(_ sizes: StageSizes) -> StageCost {
    var cost =
      lowRank.map { sizes.lowRank($0, isCheckpointed: activationCheckpointing) }
      ?? sizes.allWeights(isCheckpointed: activationCheckpointing)
    // Beside the student's passes one of the teacher.
    cost.operationsPerToken += sizes.bodyOperations + sizes.softmaxOperations
    return cost
  }
}
