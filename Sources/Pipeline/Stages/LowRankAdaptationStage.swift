import Documents
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
    let objective = NextTokenTraining(
      training: training, isCheckpointed: specification.activationCheckpointing, data: context.data,
      context: context
    ) { step in
      for layer in student.layers {
        for adapter in layer.adapters.values { adapter.step = step }
      }
    }
    try loop.run(train: objective.train, validate: objective.validation)
    if specification.merge {
      student.mergeAdapters()
    } else {
      context.adapters = StudentArtefact.Adapters(
        rank: specification.rank, alpha: specification.alpha,
        targets: Self.projections(specification.targets))
    }
  }
}
