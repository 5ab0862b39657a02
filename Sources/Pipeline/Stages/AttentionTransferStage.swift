import Corpus
import Documents
import Transformers

/// Stage 1: every converted layer learns the outputs of the teacher's attention on the teacher's
/// own inputs, before or behind the output projection, as the specification's objective says.
struct AttentionTransferStage {
  let specification: any TransferStageSpecification
  let context: StageContext

  func run() throws {
    try specification.requireFit(of: context.student)
    specification.prepare(context.student)
    guard context.student.parameters.contains(where: { $0.parameter.isTrainable }) else {
      context.progress.log("\(specification.name): this student has nothing to train")
      return
    }
    if let activations = specification.activations {
      try StoredActivationTransfer(
        specification: specification, activations: activations, context: context
      ).run()
      return
    }
    let pass = TransferPass(
      teacher: context.teacher.decoder, student: context.student,
      objective: specification.objective)
    let training = specification.training!
    let converted = pass.student.convertedLayers
    let loop = try TrainingLoop(
      specification.name, training, totalSteps: totalSteps,
      parameters: context.student.parameters.filter { $0.parameter.isTrainable },
      context: context)
    try loop.run(
      train: { step in
        let indices = context.data.trainingIndices(step: step, count: training.sequencesPerStep)
        return try transferStep(
          indices.map { context.data.train[$0] }, training, layers: converted, step: step,
          stage: loop.name
        ) {
          pass.losses(
            $0,
            gradientFactor: 1 / Double(converted.count * training.gradientAccumulation))
        }
      },
      validate: context.data.validation.isEmpty
        ? nil
        : {
          let losses = context.data.validation.map {
            pass.losses(PackedBatch([$0]), gradientFactor: nil).mean
          }
          return losses.mean
        })
  }

  var totalSteps: Int {
    let training = specification.training!
    return training.length.steps(
      sequences: context.data.train.count, sequencesPerStep: training.sequencesPerStep)
  }
}

/// Gradients of one optimizer step: its sequences in micro-batches, losses averaged per layer.
///
/// - Parameter losses: of one micro-batch by layer, with gradients.
func transferStep(
  _ sequences: [PackedSequence], _ training: TrainingSpecification, layers: [Int], step: Int,
  stage: String, losses: (PackedBatch) throws -> [Double]
) throws -> StepMeasures {
  var byLayer = [Double](repeating: 0, count: layers.count)
  var tokens = 0
  for start in stride(from: 0, to: sequences.count, by: training.batchSize) {
    let batch = PackedBatch(Array(sequences[start..<start + training.batchSize]))
    for (index, loss) in try losses(batch).enumerated() {
      byLayer[index] += loss / Double(training.gradientAccumulation)
    }
    tokens += batch.segments.reduce(0) { $0 + $1.count }
  }
  for (layer, loss) in zip(layers, byLayer) where !loss.isFinite {
    throw NonFiniteValue(
      stage: stage, step: step + 1, quantity: "the loss of layer \(layer)", value: loss,
      lastCheckpoint: nil)
  }
  return StepMeasures(
    loss: byLayer.mean, tokens: tokens,
    lossByLayer: zip(layers, byLayer).map { (layer: $0, loss: $1) })
}

extension [Double] {
  var mean: Double { isEmpty ? 0 : reduce(0, +) / Double(count) }
}
