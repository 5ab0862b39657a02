import Checkpoints
import Documents
import Foundation
import Models
import Operations
import Students
import TensorCore
import Training
import Transformers

/// A recipe being carried out in its folder.
public struct Conversion {
  public let loaded: LoadedRecipe
  public var resume: Bool
  public var interruption = Interruption.none
  public var progress: ProgressReporter
  public var environment: JSONValue
  public var clock: () -> Double
  /// Seconds since 1970, for TensorBoard.
  public var wallClock: () -> Double

  public init(
    _ loaded: LoadedRecipe, resume: Bool, interruption: Interruption, progress: ProgressReporter,
    environment: JSONValue,
    clock: @escaping () -> Double = { ProcessInfo.processInfo.systemUptime },
    wallClock: @escaping () -> Double = { Date().timeIntervalSince1970 }
  ) {
    self.loaded = loaded
    self.resume = resume
    self.interruption = interruption
    self.progress = progress
    self.environment = environment
    self.clock = clock
    self.wallClock = wallClock
  }

  /// Runs every stage that is not done yet.
  ///
  /// - Returns: what to print, and whether every threshold was kept.
  /// - Throws: errors that conform to `ExitCoded`; what was published before stays valid.
  public func run() throws -> (summary: String, code: ExitCode) {
    try loaded.checkInputs()
    let recipe = loaded.recipe
    let teacher = try LoadedModel.open(recipe.teacher, seed: UInt64(recipe.seed))
    if teacher.student != nil {
      throw ModelError(
        location: teacher.location,
        problems: ["is a student already; expected a checkpoint with softmax attention"])
    }
    try loaded.requireFit(teacher.decoder.configuration)
    let digest = try teacher.source.contentDigest()
    try requireDigest(digest)
    try loaded.checkStageInputs(teacher.decoder.configuration) { digest }
    let student = Decoder(
      configuration: teacher.decoder.configuration, weights: teacher.decoder.weights)
    if let specification = recipe.student {
      try student.install(specification, seed: UInt64(recipe.seed), location: loaded.path)
      try loaded.requireStages(of: student)
    }
    let inputs = try RunInputs.document(recipe, teacherDigest: digest)
    let run = try RunDirectory(
      recipe.output, recipe: loaded.resolved, inputs: inputs, environment: environment,
      resume: resume, resolve: LoadedRecipe.resolved)
    var context: StageContext?
    let code = try run.supervise {
      let begun = try begin(run, teacher: teacher, student: student, digest: digest)
      context = begun
      for stage in recipe.stages { try stage.specification.run(stage, in: begun) }
      return begun.code
    }
    let summary = context!.summary
    if !summary.isEmpty { return (summary, code) }
    return ("The run is in \(run.path); the recipe has no evaluate stage.\n", code)
  }

  private func requireDigest(_ digest: String) throws {
    guard let expected = loaded.recipe.teacher.sha256, expected.lowercased() != digest else {
      return
    }
    throw ModelError(
      location: loaded.recipe.teacher.path ?? "",
      problems: [
        "its weights have SHA-256 \(digest), expected \(expected.lowercased()) as $.teacher.sha256 says"
      ])
  }

  private func begin(
    _ run: RunDirectory, teacher: LoadedModel, student: Decoder, digest: String
  ) throws -> StageContext {
    let recipe = loaded.recipe
    let data = try RecipeData(recipe.data, model: teacher, seed: UInt64(recipe.seed))
    let context = StageContext(
      recipe: loaded, run: run, teacher: teacher, teacherDigest: digest, student: student,
      data: data, metrics: try LineLog(run.metricsPath, at: try metricsPosition(run)),
      timings: try LineLog(run.timingsPath),
      scalars: ScalarLog(
        folder: run.tensorBoardPath, host: ProcessInfo.processInfo.hostName,
        process: Int(ProcessInfo.processInfo.processIdentifier), wallClock: wallClock),
      interruption: interruption, progress: progress, clock: clock, wallClock: wallClock,
      environment: environment)
    // Text too short for a later stage is said before the first.
    for stage in recipe.stages { _ = try context.data(of: stage.specification) }
    return context
  }

  /// Where the metrics stood when the newest checkpoint of the run was made: lines after it belong
  /// to steps that will be done again.
  private func metricsPosition(_ run: RunDirectory) throws -> Int? {
    guard run.isResumed else { return nil }
    var position = 0
    for path in try RunInputs.checkpointFolders(in: run.checkpointsPath) {
      position = max(
        position, try StageCheckpoints(folder: path, log: { _ in }).metricsPosition() ?? 0)
    }
    return position
  }
}
