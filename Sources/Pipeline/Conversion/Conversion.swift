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
      resume: resume)
    var summary = ""
    let code = try run.supervise {
      let result = try runStages(run, teacher: teacher, student: student, digest: digest)
      summary = result.summary
      return result.code
    }
    return (summary, code)
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

  private func runStages(
    _ run: RunDirectory, teacher: LoadedModel, student: Decoder, digest: String
  ) throws -> (summary: String, code: ExitCode) {
    let recipe = loaded.recipe
    let data = try RecipeData(recipe.data, model: teacher, seed: UInt64(recipe.seed))
    let context = StageContext(
      recipe: recipe, run: run, teacher: teacher, student: student, data: data,
      metrics: try LineLog(run.metricsPath, at: try metricsPosition(run)),
      timings: try LineLog(run.timingsPath),
      scalars: ScalarLog(
        folder: run.tensorBoardPath, host: ProcessInfo.processInfo.hostName,
        process: Int(ProcessInfo.processInfo.processIdentifier), wallClock: wallClock),
      interruption: interruption, progress: progress, clock: clock)
    // Text too short for a later stage is said before the first.
    for stage in recipe.stages { _ = try context.data(of: stage) }
    for stage in recipe.stages {
      if let evaluation = stage as? EvaluationSpecification {
        return try EvaluationStage(
          specification: evaluation, context: context,
          teacherDigest: try context.teacher.source.contentDigest(), resolved: loaded.resolved,
          environment: environment, date: wallClock()
        ).run()
      }
      switch stage {
      case let pretraining as PretrainingSpecification:
        try pretrain(pretraining, context, digest: digest)
      case let stage as any StudentStageSpecification:
        try train(stage, context, digest: digest)
      default:
        preconditionFailure("the stage \(stage.name) is registered and not run here")
      }
    }
    return ("The run is in \(run.path); the recipe has no evaluate stage.\n", .success)
  }

  /// Runs a training stage, or takes its artefact when it is there.
  private func train(
    _ stage: any StudentStageSpecification, _ context: StageContext, digest: String
  )
    throws
  {
    let path = "\(context.run.artefactsPath)/\(stage.name).h5"
    if FileManager.default.fileExists(atPath: path) {
      let artefact = try StudentArtefact.read(path)
      for layer in context.student.layers { layer.adapters = [:] }
      try artefact.install(on: context.student, location: path)
      context.adapters = artefact.adapters
      context.progress.log("\(stage.name): done before, taken from \(path)")
      return
    }
    try stopIfAsked(before: stage)
    let start = clock()
    let isTrainable = context.student.parameters.map(\.parameter.isTrainable)
    let parameters = context.student.parameters.map(\.parameter)
    try stage.train(in: context)
    // What one stage freezes is not frozen for the next, in a resumed run as little as in this one.
    for (parameter, flag) in zip(parameters, isTrainable) { parameter.isTrainable = flag }
    for (_, parameter) in context.student.ownWeights { parameter.isTrainable = false }
    var artefact = artefact(of: stage, context, digest: digest)
    artefact.adapters = context.adapters
    artefact.tensors = StudentArtefact.tensors(of: context.student)
    try artefact.write(to: path)
    context.progress.log(
      "\(stage.name): \(path), \(Int((clock() - start).rounded())) s")
    BufferPool.shared.drain()
  }

  /// Trains a model from the start, or takes its folder when it is there; from then on it is what
  /// the run is about.
  private func pretrain(
    _ stage: PretrainingSpecification, _ context: StageContext, digest: String
  ) throws {
    let path = "\(context.run.artefactsPath)/\(stage.name)"
    if FileManager.default.fileExists(atPath: path) {
      context.progress.log("\(stage.name): done before, taken from \(path)")
    } else {
      try stopIfAsked(before: stage)
      let start = clock()
      try PretrainingStage(
        specification: stage, context: context,
        artefact: loaded.recipe.student.map { _ in artefact(of: stage, context, digest: digest) }
      ).run(to: path)
      context.progress.log("\(stage.name): \(path), \(Int((clock() - start).rounded())) s")
    }
    let model = try LoadedModel.open(path)
    context.teacher = model
    context.student = model.decoder
    BufferPool.shared.drain()
  }

  private func stopIfAsked(before stage: any StageSpecification) throws {
    if interruption.isRequested {
      throw Preempted(
        stage: stage.name, step: 0, signalName: interruption.signalName ?? "a signal")
    }
  }

  /// What made a stage's result, without its tensors.
  private func artefact(
    of stage: any StageSpecification, _ context: StageContext, digest: String
  ) -> StudentArtefact {
    StudentArtefact(
      student: loaded.resolved["student"] ?? .null, seed: context.seed,
      teacherPath: context.teacher.source.location, teacherDigest: digest, adapters: nil,
      stage: stage.name, program: "linearize \(EnvironmentReport.version)",
      recipe: loaded.resolved, tensors: [])
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
