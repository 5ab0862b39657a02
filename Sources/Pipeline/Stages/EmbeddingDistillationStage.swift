import Corpus
import Differentiation
import Documents
import Operations
import TensorCore
import Transformers

/// Finetunes an encoder's student on the distance of its embeddings to the teacher's; see
/// `embeddingDistance`.
struct EmbeddingDistillationStage {
  let specification: EmbeddingDistillationSpecification
  let context: StageContext

  func run() throws {
    let student = context.student
    if let updates = specification.lowRank {
      updates.add(to: student, seed: context.seed)
    } else {
      try student.trainOnly(specification.parameters, stage: specification)
    }
    let training = specification.training!
    let loop = try TrainingLoop(
      EmbeddingDistillationSpecification.name, training,
      totalSteps: training.length.steps(
        sequences: context.data.train.count, sequencesPerStep: training.sequencesPerStep),
      parameters: student.parameters.filter { $0.parameter.isTrainable }, context: context,
      decaysVectors: false)
    try loop.run(train: train, validate: context.data.validation.isEmpty ? nil : validate)
    specification.lowRank?.finish(context)
  }

  /// Gradients of the mean distance, averaged over the step's batches.
  private func train(step: Int) -> StepMeasures {
    let training = specification.training!
    let indices = context.data.trainingIndices(step: step, count: training.sequencesPerStep)
    var loss = 0.0
    var tokens = 0
    for (micro, start) in stride(from: 0, to: indices.count, by: training.batchSize).enumerated() {
      let batch = PackedBatch(
        indices[start..<start + training.batchSize].map { context.data.train[$0] }
      ).withoutPadding
      LowRankUpdates.setStep(step * training.gradientAccumulation + micro, of: context.student)
      let tape = Tape()
      loss +=
        distance(batch, on: tape, weight: 1 / Float(training.gradientAccumulation))
        / Double(training.gradientAccumulation)
      tokens += batch.tokens.count
    }
    LowRankUpdates.setStep(nil, of: context.student)
    return StepMeasures(loss: loss, tokens: tokens)
  }

  /// Mean distance over the validation texts, in batches as they are trained on.
  private func validate() -> Double {
    let texts = context.data.validation
    let size = max(2, specification.training!.batchSize)
    var total = 0.0
    for start in stride(from: 0, to: texts.count, by: size) {
      let batch = PackedBatch(Array(texts[start..<min(start + size, texts.count)])).withoutPadding
      total +=
        distance(batch, on: Tape(isRecording: false), weight: nil)
        * Double(batch.segments.count)
    }
    return total / Double(texts.count)
  }

  /// Of a batch's texts; with a weight the tape is run backward from its gradient.
  private func distance(_ batch: PackedBatch, on tape: Tape, weight: Float?) -> Double {
    let pooling = context.teacher.pooling.pooling
    let layout = batch.layout
    let target = context.teacher.decoder.textEmbeddings(
      batch.tokens, layout: layout, pooling, on: Tape(isRecording: false)
    ).value
    let output = context.student.textEmbeddings(
      batch.tokens, layout: layout, pooling, on: tape,
      isCheckpointed: weight != nil && specification.activationCheckpointing)
    let (value, gradient) = embeddingDistance(
      output.value, target, similarityWeight: Float(specification.similarityWeight),
      weight: weight ?? 0)
    if weight != nil { tape.backward(from: [(output, gradient)]) }
    return value
  }
}
