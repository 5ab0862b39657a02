import Documents
import Training
import Transformers

/// A stage that trains: it makes some parameters trainable, and says what is minimised. Sequences,
/// steps, validation, checkpoints and logs are the loop's.
protocol TrainingStage: StageSpecification {
  /// Whether weight decay acts on biases, norms and factors too.
  var decaysVectors: Bool { get }

  /// Makes of the student trainable what the stage trains, and nothing else.
  ///
  /// - Parameter seed: of every draw of the run.
  func prepare(_ student: Decoder, seed: UInt64) throws
  /// What is minimised, once the student is prepared.
  ///
  /// - Parameters:
  ///   - id: of the stage in its recipe.
  ///   - data: in sequences as long as the stage wants them.
  func makeObjective(
    _ id: String, data: RecipeData, in context: StageContext
  ) throws -> any Objective
  /// Puts away what was there for training alone.
  func finish(_ context: StageContext)
  /// Trains `context.student`, from where the stage's own checkpoints say it was.
  func train(_ id: String, in context: StageContext) throws

  /// Names of what the stage trains.
  func trainedNames(_ names: StudentNames) -> [String]
  /// Time, memory and disk that are worth telling beforehand.
  func cost(_ sizes: StageSizes) -> StageCost
}

extension TrainingStage {
  var decaysVectors: Bool { false }

  func finish(_ context: StageContext) {}

  func train(_ id: String, in context: StageContext) throws {
    try prepare(context.student, seed: context.seed)
    try runLoop(id, in: context)
    finish(context)
  }

  /// The loop over what is trainable now.
  func runLoop(_ id: String, in context: StageContext) throws {
    let data = try context.data(of: self)
    let loop = try TrainingLoop(
      id, training!, data: data,
      parameters: context.student.parameters.filter { $0.parameter.isTrainable }, context: context,
      decaysVectors: decaysVectors)
    try loop.run(try makeObjective(id, data: data, in: context))
  }
}

/// A stage that trains those weights of the student that its recipe names.
protocol NamedWeightsStage: TrainingStage {
  /// Patterns of the names of what is trained.
  var parameters: [NamePattern] { get }
  /// Whether a tied head that is named becomes a weight beside the embedding.
  var untiesHead: Bool { get }
}

extension NamedWeightsStage {
  func prepare(_ student: Decoder, seed: UInt64) throws {
    try student.trainOnly(parameters, untiesHead: untiesHead, stage: name)
  }

  func trainedNames(_ names: StudentNames) -> [String] {
    names.matching(parameters, untiesHead: untiesHead)
  }
}

extension Decoder {
  /// Makes what the patterns name trained, weights of the checkpoint included, and nothing else. A
  /// mixer's constants stay what they are.
  ///
  /// - Parameter untiesHead: a tied head that is named becomes a weight beside the embedding.
  /// - Throws: `ModelError` for patterns that name nothing.
  func trainOnly(_ patterns: [NamePattern], untiesHead: Bool = false, stage: String) throws {
    let known = StudentNames(self).named(untiesHead: untiesHead)
    let problems = patterns.compactMap { $0.problem(among: known) }
    if !problems.isEmpty {
      throw ModelError(location: "the stage \"\(stage)\"", problems: problems)
    }
    let isWanted = { (name: String) in patterns.contains { $0.matches(name) } }
    let weights = Set(weightShapes.map(\.name))
    for (name, parameter) in parameters where !weights.contains(name) {
      parameter.isTrainable = parameter.isTrainable && isWanted(name)
    }
    unfreezeWeights(untiesHead: untiesHead, where: isWanted)
  }
}
