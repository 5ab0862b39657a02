import Corpus
import Differentiation
import Operations
import Transformers

/// Next-token cross-entropy of the student, for whatever of it is trained: gradients of a step, and
/// the loss on validation data.
struct NextTokenTraining {
  let training: TrainingSpecification
  let isCheckpointed: Bool
  let data: RecipeData
  let context: StageContext
  /// Called before each batch with its number over the whole stage, and with nil after the last of
  /// a step.
  var willTrain: (Int?) -> Void = { _ in }

  /// Gradients of the mean loss of a predicted token, averaged over the step's batches.
  func train(step: Int) -> StepMeasures {
    let indices = data.trainingIndices(step: step, count: training.sequencesPerStep)
    var loss = 0.0
    var tokens = 0
    for (micro, start) in stride(from: 0, to: indices.count, by: training.batchSize).enumerated() {
      let batch = PackedBatch(
        indices[start..<start + training.batchSize].map { data.train[$0] })
      willTrain(step * training.gradientAccumulation + micro)
      let tape = Tape()
      let layout = batch.layout
      let hidden = context.student.hiddenStates(
        batch.tokens, layout: layout, on: tape, isCheckpointed: isCheckpointed)
      let targets = batch.targets
      let counted = targets.count { $0 != ignoredTarget }
      let scale = 1 / Double(max(1, counted) * training.gradientAccumulation)
      let losses = context.student.crossEntropy(
        hidden, targets: targets, gradientScale: Float(scale), on: tape)
      loss += losses.reduce(0) { $0 + Double($1) } * scale
      tokens += layout.segments.reduce(0) { $0 + $1.count }
    }
    willTrain(nil)
    return StepMeasures(loss: loss, tokens: tokens)
  }

  /// Mean loss of a predicted token; nil without validation data.
  var validation: (() -> Double)? { data.validation.isEmpty ? nil : validate }

  private func validate() -> Double {
    var total = 0.0
    var counted = 0
    for sequence in data.validation {
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
