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
  /// The recipe and its resolved form.
  public let loaded: LoadedRecipe
  /// Whether a run in the folder is continued.
  public var resume: Bool
  /// Asked between steps whether a signal wants the run to save and stop.
  public var interruption = Interruption.none
  /// What is told while the run goes.
  public var progress: ProgressReporter
  /// What `env.json` will hold.
  public var environment: JSONValue
  /// Seconds of a clock that never goes back.
  public var clock: () -> Double
  /// Seconds since 1970, for TensorBoard.
  public var wallClock: () -> Double

  /// A conversion that has not begun.
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
    let ready = try Preflight(loaded, drawsWeights: true)
    let recipe = loaded.recipe
    let digest = try ready.teacherDigest.value()
    let inputs = try RunInputs.document(
      recipe.data, teacher: ready.teacher.source, teacherDigest: digest)
    try ready.teacher.requireFiniteWeights()
    let run = try RunDirectory(
      recipe.output, recipe: loaded.resolved, inputs: inputs, environment: environment,
      resume: resume, resolve: LoadedRecipe.resolved)
    var context: StageContext?
    let code = try run.supervise {
      let begun = try begin(run, ready, digest: digest)
      context = begun
      for stage in recipe.stages { try stage.specification.run(stage, in: begun) }
      try begun.requireTeacher()
      return begun.code
    }
    let summary = context!.summary
    if !summary.isEmpty { return (summary, code) }
    return ("The run is in \(run.path); the recipe has no evaluate stage.\n", code)
  }

  /// Reads the text and opens the logs.
  private func begin(
    _ run: RunDirectory, _ ready: Preflight, digest: String
  ) throws -> StageContext {
    let recipe = loaded.recipe
    let seed = UInt64(recipe.seed)
    let data = try RecipeData(recipe.data, model: ready.teacher, seed: seed)
    let context = StageContext(
      name: recipe.name, seed: seed, stages: recipe.stages, resolved: loaded.resolved, run: run,
      teacher: ready.teacher, teacherDigest: digest, student: ready.student, data: data,
      metrics: try LineLog(run.metricsPath, at: try metricsPosition(run)),
      timings: try LineLog(run.timingsPath),
      scalars: ScalarLog(
        folder: run.tensorBoardPath, host: ProcessInfo.processInfo.hostName,
        process: Int(ProcessInfo.processInfo.processIdentifier), wallClock: wallClock),
      interruption: interruption, progress: progress, clock: clock, wallClock: wallClock,
      environment: environment)
    if let slow = OpenBLASInformation.slowKernels { context.progress.log(slow) }
    for note in run.notes + ready.teacher.notes { context.progress.log(note) }
    // Text too short for a later stage is said before the first.
    for stage in recipe.stages {
      let data = try context.data(of: stage.specification)
      guard let training = stage.training else { continue }
      try TrainingLoop.check(stage.id, training, totalSteps: training.steps(on: data), nil)
    }
    if let student = recipe.student, student.isCalibrated {
      try StudentCalibration(specification: student, seed: seed).run(
        ready.student, of: ready.teacher.decoder, data.train)
    }
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
