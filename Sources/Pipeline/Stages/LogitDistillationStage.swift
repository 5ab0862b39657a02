import Corpus
import Differentiation
import Documents
import Operations
import TensorCore
import Transformers

/// Trains the weights that a recipe names on the teacher's next-token distributions.
struct LogitDistillationStage {
  let specification: LogitDistillationSpecification
  let context: StageContext

  func run() throws {
    let student = context.student
    try student.trainOnly(
      specification.parameters, untiesHead: specification.untiesHead, stage: specification)
    let data = try context.data(of: specification)
    let training = specification.training!
    let totalSteps = training.length.steps(
      sequences: data.train.count, sequencesPerStep: training.sequencesPerStep)
    let loop = try TrainingLoop(
      specification.name, training, totalSteps: totalSteps,
      parameters: student.parameters.filter { $0.parameter.isTrainable }, context: context,
      decaysVectors: false)
    let cache = try specification.cachedLogits.map {
      try LogitCache.open(
        $0, stage: self.specification.name, data: data, steps: totalSteps,
        sequencesPerStep: training.sequencesPerStep, context: context)
    }
    let objective = LogitDistillation(
      specification: specification, data: data, context: context, cache: cache)
    try loop.run(
      train: objective.train, validate: data.validation.isEmpty ? nil : objective.validate)
  }
}

/// `klWeight · KL(teacher ‖ student) + crossEntropyWeight · CE`, the divergence averaged over all
/// tokens, the cross-entropy over those that have a target.
struct LogitDistillation {
  let specification: LogitDistillationSpecification
  let data: RecipeData
  let context: StageContext
  /// nil: the teacher is asked.
  let cache: LogitCache?

  /// Sums of the two losses and what they are divided by.
  private struct Sums {
    var divergence = 0.0
    var crossEntropy = 0.0
    var tokens = 0
    var targets = 0

    var meanDivergence: Double { divergence / Double(max(1, tokens)) }
    var meanCrossEntropy: Double { crossEntropy / Double(max(1, targets)) }
  }

  /// Gradients of the mean losses, averaged over the step's batches.
  func train(step: Int) throws -> StepMeasures {
    let training = specification.training!
    let indices = data.trainingIndices(step: step, count: training.sequencesPerStep)
    let share = 1 / Double(training.gradientAccumulation)
    var (divergence, crossEntropy) = (0.0, 0.0)
    var tokens = 0
    for start in stride(from: 0, to: indices.count, by: training.batchSize) {
      let part = Array(indices[start..<start + training.batchSize])
      let sums = try measure(
        PackedBatch(part.map { data.train[$0] }),
        slots: cache.map { cache in part.map { cache.sequences.trainSlots[$0]! } }, share: share)
      divergence += sums.meanDivergence * share
      crossEntropy += sums.meanCrossEntropy * share
      tokens += sums.tokens
    }
    return StepMeasures(
      loss: loss(divergence, crossEntropy), tokens: tokens,
      parts: parts(divergence, crossEntropy))
  }

  /// The same loss on validation data, over all its tokens.
  func validate() throws -> Double {
    var total = Sums()
    for (index, sequence) in data.validation.enumerated() {
      let sums = try measure(
        PackedBatch([sequence]),
        slots: cache.map { [$0.sequences.validationSlots.lowerBound + index] }, share: nil)
      total.divergence += sums.divergence
      total.crossEntropy += sums.crossEntropy
      total.tokens += sums.tokens
      total.targets += sums.targets
    }
    return loss(total.meanDivergence, total.meanCrossEntropy)
  }

  private func loss(_ divergence: Double, _ crossEntropy: Double) -> Double {
    specification.klWeight * divergence + specification.crossEntropyWeight * crossEntropy
  }

  /// Under names that say which divergence it is.
  private func parts(_ divergence: Double, _ crossEntropy: Double) -> [(
    name: String, value: Double
  )] {
    let name = specification.cachedLogits.map { "klDivergenceTop\($0.topK)" } ?? "klDivergence"
    return [(name, divergence), ("crossEntropy", crossEntropy)]
  }

  /// - Parameters:
  ///   - slots: where the cache has the batch's sequences.
  ///   - share: of the batch in the gradient; nil measures only.
  private func measure(_ batch: PackedBatch, slots: [Int]?, share: Double?) throws -> Sums {
    let layout = batch.layout
    let targets = batch.targets
    var counted = [Bool](repeating: false, count: batch.tokens.count)
    for segment in batch.segments {
      for row in segment.range { counted[row] = true }
    }
    var sums = Sums()
    sums.tokens = batch.segments.reduce(0) { $0 + $1.count }
    sums.targets = targets.count { $0 != ignoredTarget }
    // Before the student's graph stands, so that the teacher's scratch does not come on top of it.
    let teacher = try reference(batch, layout: layout, slots: slots)
    let tape = Tape(isRecording: share != nil)
    let hidden = context.student.hiddenStates(
      batch.tokens, layout: layout, on: tape,
      isCheckpointed: share != nil && specification.activationCheckpointing)
    let scales = share.map {
      DistillationScales(
        divergence: Float($0 * specification.klWeight / Double(max(1, sums.tokens))),
        crossEntropy: Float(
          $0 * specification.crossEntropyWeight / Double(max(1, sums.targets))))
    }
    let losses = context.student.distillation(
      hidden, teacher: teacher, counted: counted, targets: targets, scales: scales, on: tape)
    sums.divergence = losses.divergences.reduce(0) { $0 + Double($1) }
    sums.crossEntropy = losses.crossEntropies.reduce(0) { $0 + Double($1) }
    return sums
  }

  private func reference(
    _ batch: PackedBatch, layout: SequenceLayout, slots: [Int]?
  ) throws -> DistillationTeacher {
    if let cache, let slots { return .truncated(try cache.read(slots)) }
    let teacher = context.teacher.decoder
    let hidden = teacher.hiddenStates(
      batch.tokens, layout: layout, on: Tape(isRecording: false))
    return .hidden(hidden.value, head: teacher.head)
  }
}
