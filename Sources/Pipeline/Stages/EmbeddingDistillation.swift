import Corpus
import Differentiation
import Documents
import Models
import Operations
import Training
import Transformers

/// The second stage of an encoder's conversion: the student finetuned to give its teacher's
/// embeddings of whole texts (Hedgehog's finetuned conversion, arXiv 2402.04347, section 5, with
/// the teacher in the place of labels).
public struct EmbeddingDistillation: StageSpecification {
  public static let name = "embedding-distillation"
  public static let summary =
    "Trains an encoder's student, all weights or low-rank updates, to give its teacher's embeddings."
  public static let phase = StagePhase.adaptation
  public static let models = StageModels.encoders

  /// The rate unless the recipe names one.
  public static let defaultLearningRate = 1e-4

  private let trainingSpecification: TrainingSpecification
  public var training: TrainingSpecification? { trainingSpecification }
  /// Patterns of the names of what is trained, where `lowRank` is nil.
  let parameters: [NamePattern]
  let lowRank: LowRankUpdates?
  let losses: [any EmbeddingLoss]
  /// Whether layers are computed again in the backward pass instead of kept.
  let activationCheckpointing: Bool

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
    losses = reader.losses(
      of: LossRegistry.embeddingVariants, weight: { $0.weight }, keys: ["similarityWeight"],
      shortForm: Self.shortForm)
    activationCheckpointing = reader.activationCheckpointing()
    let texts = trainingSpecification.batchSize
    if let loss = losses.first(where: { type(of: $0).minimumTexts > texts }) {
      reader.report(
        "batchSize",
        "found \(texts) beside the loss \"\(type(of: loss).kind)\", expected at least "
          + "\(type(of: loss).minimumTexts): a text has no similarities by itself")
    }
  }

  private static func shortForm(_ reader: DocumentReader) -> [JSONValue] {
    let weight =
      reader.optionalNumber(
        "similarityWeight", in: 0...Double.infinity,
        "Weight of the loss \"\(EmbeddingSimilarities.kind)\" beside \"\(EmbeddingCosine.kind)\"; 0 "
          + "unless given.") ?? 0
    let cosine: JSONValue = ["kind": .string(EmbeddingCosine.kind)]
    if weight == 0 { return [cosine] }
    return [cosine, ["kind": .string(EmbeddingSimilarities.kind), "weight": .number(weight)]]
  }
}

extension EmbeddingDistillation: TrainingStage {
  public var leavesAdapters: Bool { lowRank.map { !$0.merge } ?? false }

  public func problem(after earlier: [RecipeStage]) -> String? {
    lowRank == nil ? nil : earlier.adapterProblem("would put its own in their place")
  }

  func prepare(_ student: Decoder, seed: UInt64) throws {
    if let lowRank {
      lowRank.add(to: student, seed: seed)
    } else {
      try student.trainOnly(parameters, stage: name)
    }
  }

  func makeObjective(
    _ id: String, data: RecipeData, in context: StageContext
  ) -> any Objective {
    EmbeddingObjective(stage: self, teacher: context.teacher, student: context.student)
  }

  func finish(_ context: StageContext) { lowRank?.finish(context) }

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

/// Distances of the student's embeddings to the teacher's, averaged over texts.
private struct EmbeddingObjective: Objective {
  let stage: EmbeddingDistillation
  let teacher: LoadedModel
  let student: Decoder

  /// As many as are trained on together: some losses are of texts to each other.
  var validationBatchSize: Int { max(2, stage.training!.batchSize) }

  func measure(_ batch: MicroBatch, share: Double?) -> [LossTerm] {
    LowRankUpdates.setStep(batch.number, of: student)
    defer { LowRankUpdates.setStep(nil, of: student) }
    let sequences = batch.sequences.withoutPadding
    let layout = sequences.layout
    let pooling = teacher.pooling.pooling
    let target = teacher.decoder.textEmbeddings(
      sequences.tokens, layout: layout, pooling, on: Tape(isRecording: false)
    ).value
    let tape = Tape(isRecording: share != nil)
    let output = student.textEmbeddings(
      sequences.tokens, layout: layout, pooling, on: tape,
      isCheckpointed: share != nil && stage.activationCheckpointing)
    var weights = EmbeddingDistanceWeights()
    for loss in stage.losses { loss.set(Float(loss.weight * (share ?? 0)), in: &weights) }
    let (distance, gradient) = embeddingDistance(output.value, target, weights: weights)
    if share != nil { tape.backward(from: [(output, gradient)]) }
    let texts = sequences.segments.count
    return stage.losses.map { loss in
      LossTerm(
        name: loss.metric, weight: loss.weight, sum: loss.value(of: distance) * Double(texts),
        count: texts)
    }
  }
}
