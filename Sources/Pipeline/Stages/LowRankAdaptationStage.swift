import Documents
import Transformers

/// Stage 2: the student repairs what transfer left, by low-rank updates of its projections trained
/// on next tokens.
struct LowRankAdaptationStage {
  let specification: LowRankAdaptationSpecification
  let context: StageContext

  func run() throws {
    let student = context.student
    specification.updates.add(to: student, seed: context.seed)
    let training = specification.training!
    let loop = try TrainingLoop(
      LowRankAdaptationSpecification.name, training,
      totalSteps: training.length.steps(
        sequences: context.data.train.count, sequencesPerStep: training.sequencesPerStep),
      parameters: student.parameters.filter { $0.parameter.isTrainable }, context: context)
    let objective = NextTokenTraining(
      training: training, isCheckpointed: specification.activationCheckpointing, data: context.data,
      context: context
    ) { LowRankUpdates.setStep($0, of: student) }
    try loop.run(train: objective.train, validate: objective.validation)
    specification.updates.finish(context)
  }
}
