import Checkpoints
import Documents
import Foundation
import Models
import Transformers

/// Trains all weights, and writes the model as a folder that is a teacher to every command, or,
/// with another attention than softmax, a student.
struct PretrainingStage {
  let specification: PretrainingSpecification
  let context: StageContext
  /// What the folder says of a student.
  let artefact: StudentArtefact?

  func run(to folder: String) throws {
    let student = context.student
    student.unfreezeWeights()
    let training = specification.training!
    let loop = try TrainingLoop(
      PretrainingSpecification.name, training,
      totalSteps: training.length.steps(
        sequences: context.data.train.count, sequencesPerStep: training.sequencesPerStep),
      parameters: student.parameters.filter { $0.parameter.isTrainable }, context: context,
      decaysVectors: false)
    let objective = NextTokenTraining(
      training: training, isCheckpointed: specification.activationCheckpointing, data: context.data,
      context: context)
    try loop.run(train: objective.train, validate: objective.validation)
    let model = try LoadedModel(
      location: context.run.path, decoder: student, source: context.teacher.source,
      student: artefact)
    _ = try ModelExport(
      model, type: specification.dtype, mergesAdapters: false, shardBytes: 5_000_000_000
    ).run(to: folder)
  }
}
