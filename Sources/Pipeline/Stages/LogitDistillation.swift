import Corpus
import Differentiation
import Documents
import Operations
import TensorCore
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
      of: LossRegistry.tokenVariants, weight: { $0.weight },
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
    DistillationObjective(
      stage: self, teacher: context.teacher.decoder, student: context.student,
      cache: try cachedLogits.map {
        try LogitCache.open(
          $0, stage: id,
          sequences: StageSequences(
            data, steps: trainingSpecification.steps(on: data),
            sequencesPerStep: trainingSpecification.sequencesPerStep), context: context)
      })
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
      cost.memoryBytes +=
        4 * sizes.rows * sizes.hidden + 4 * 64 * sizes.configuration.vocabularySize
      cost.operationsPerToken +=
        sizes.bodyOperations + sizes.softmaxOperations + sizes.headOperations
    }
    return cost
  }
}

/// Losses of the student's next-token distributions.
private struct DistillationObjective: Objective {
  let stage: LogitDistillation
  let teacher: Decoder
  let student: Decoder
  /// nil: the teacher is asked.
  let cache: LogitCache?

  func measure(_ batch: MicroBatch, share: Double?) throws -> [LossTerm] {
    let sequences = batch.sequences
    let layout = sequences.layout
    let targets = sequences.targets
    var counted = [Bool](repeating: false, count: sequences.tokens.count)
    for segment in sequences.segments {
      for row in segment.range { counted[row] = true }
    }
    let counts = TokenCounts(
      tokens: batch.tokens, targets: targets.count { $0 != ignoredTarget })
    // Before the student's graph stands, so that the teacher's scratch does not come on top of it.
    let reference = try reference(batch, layout: layout)
    let tape = Tape(isRecording: share != nil)
    let hidden = student.hiddenStates(
      sequences.tokens, layout: layout, on: tape,
      isCheckpointed: share != nil && stage.activationCheckpointing)
    let scales = share.map { share in
      var scales = DistillationScales(divergence: 0, crossEntropy: 0)
      for loss in stage.losses {
        loss.add(
          Float(share * loss.weight / Double(max(1, loss.count(counts)))), to: &scales)
      }
      return scales
    }
    let losses = student.distillation(
      hidden, teacher: reference, counted: counted, targets: targets, scales: scales, on: tape)
    return stage.losses.map { loss in
      LossTerm(
        name: name(of: loss), weight: loss.weight,
        sum: loss.values(of: losses).reduce(0) { $0 + Double($1) }, count: loss.count(counts))
    }
  }

  /// Which distributions a loss is of: those of the file are cut off.
  private func name(of loss: any TokenLoss) -> String {
    guard let cachedLogits = stage.cachedLogits, loss.readsTeacher else { return loss.metric }
    return "\(loss.metric)Top\(cachedLogits.topK)"
  }

  private func reference(
    _ batch: MicroBatch, layout: SequenceLayout
  ) throws -> DistillationTeacher {
    if let cache { return .truncated(try cache.read(batch.places.map(cache.sequences.slot))) }
    let hidden = teacher.hiddenStates(
      batch.sequences.tokens, layout: layout, on: Tape(isRecording: false))
    return .hidden(hidden.value, head: teacher.head)
  }
}
