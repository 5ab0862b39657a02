import Corpus
import Differentiation
import Documents
import Operations
import TensorCore
import Transformers

/// Stage 2: the student repairs what transfer left, by low-rank updates of its projections trained
/// on next tokens.
struct LowRankAdaptationStage {
  let specification: LowRankAdaptationSpecification
  let context: StageContext

  static func projections(_ targets: [LowRankAdaptationSpecification.Target])
    -> [AttentionProjection]
  {
    targets.map { AttentionProjection(rawValue: $0.rawValue)! }
  }

  func run() throws {
    let student = context.student
    student.addAdapters(
      Self.projections(specification.targets), rank: specification.rank,
      alpha: Float(specification.alpha), dropout: Float(specification.dropout),
      seed: context.seed)
    for layer in student.layers {
      for parameter in layer.mixer.parameters {
        parameter.isTrainable = parameter.isTrainable && specification.trainFeatureMaps
      }
    }
    let training = specification.training!
    let loop = try TrainingLoop(
      LowRankAdaptationSpecification.name, training,
      totalSteps: training.length.steps(
        sequences: context.data.train.count, sequencesPerStep: training.sequencesPerStep),
      parameters: student.parameters.filter { $0.parameter.isTrainable }, context: context)
    try loop.run(train: train, validate: context.data.validation.isEmpty ? nil : validate)
    if specification.merge { student.mergeAdapters() }
  }

  private func train(step: Int) -> StepMeasures {
    let training = specification.training!
    let indices = context.data.trainingIndices(step: step, count: training.sequencesPerStep)
    var loss = 0.0
    var tokens = 0
    for (micro, start) in stride(from: 0, to: indices.count, by: training.batchSize).enumerated() {
      let batch = PackedBatch(
        indices[start..<start + training.batchSize].map { context.data.train[$0] })
      setDropoutStep(step * training.gradientAccumulation + micro)
      let tape = Tape()
      let layout = batch.layout
      let hidden = context.student.hiddenStates(
        batch.tokens, layout: layout, on: tape,
        isCheckpointed: specification.activationCheckpointing)
      let targets = batch.targets
      let counted = targets.count { $0 != ignoredTarget }
      let scale = 1 / Double(max(1, counted) * training.gradientAccumulation)
      let losses = context.student.crossEntropy(
        hidden, targets: targets, gradientScale: Float(scale), on: tape)
      loss += losses.reduce(0) { $0 + Double($1) } * scale
      tokens += layout.segments.reduce(0) { $0 + $1.count }
    }
    setDropoutStep(nil)
    return StepMeasures(loss: loss, tokens: tokens)
  }

  private func setDropoutStep(_ step: Int?) {
    for layer in context.student.layers {
      for adapter in layer.adapters.values { adapter.step = step }
    }
  }

  /// Mean loss of a predicted token.
  private func validate() -> Double {
    var total = 0.0
    var counted = 0
    for sequence in context.data.validation {
      let batch = PackedBatch([sequence])
      let tape = Tape(isRecording: false)
      let hidden = context.student.hiddenStates(batch.tokens, layout: batch.layout, on: tape)
      let targets = batch.targets
      let losses = context.student.crossEntropy(
        hidden, targets: targets, gradientScale: nil, on: tape)
      total += losses.reduce(0) { $0 + Double($1) }
      counted += targets.count { $0 != ignoredTarget }
    }
    return total / Double(max(1, counted))
  }
}
