import Documents
import Training
import Transformers

/// Trains the weights that a recipe names on next tokens.
struct FinetuningStage {
  let specification: FinetuningSpecification
  let context: StageContext

  func run() throws {
    let student = context.student
    try student.trainOnly(specification.parameters, stage: specification)
    let data = try context.data(of: specification)
    let training = specification.training!
    let loop = try TrainingLoop(
      FinetuningSpecification.name, training,
      totalSteps: training.length.steps(
        sequences: data.train.count, sequencesPerStep: training.sequencesPerStep),
      parameters: student.parameters.filter { $0.parameter.isTrainable }, context: context,
      decaysVectors: false)
    let objective = NextTokenTraining(
      training: training, isCheckpointed: specification.activationCheckpointing, data: data,
      context: context)
    try loop.run(train: objective.train, validate: objective.validation)
  }
}

extension Decoder {
  /// Makes what the patterns name trained, weights of the checkpoint included, and nothing else. A
  /// mixer's constants stay what they are.
  ///
  /// - Parameter untiesHead: a tied head that is named becomes a weight beside the embedding.
  /// - Throws: `ModelError` for patterns that name nothing.
  func trainOnly(
    _ patterns: [NamePattern], untiesHead: Bool = false, stage: some StageSpecification
  ) throws {
    let known = StudentNames(self).named(untiesHead: untiesHead)
    let problems = patterns.compactMap { $0.problem(among: known) }
    if !problems.isEmpty {
      throw ModelError(location: "the stage \"\(stage.name)\"", problems: problems)
    }
    let isWanted = { (name: String) in patterns.contains { $0.matches(name) } }
    let weights = Set(weightShapes.map(\.name))
    for (name, parameter) in parameters where !weights.contains(name) {
      parameter.isTrainable = parameter.isTrainable && isWanted(name)
    }
    unfreezeWeights(untiesHead: untiesHead, where: isWanted)
  }
}
