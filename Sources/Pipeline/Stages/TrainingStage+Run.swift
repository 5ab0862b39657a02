import Checkpoints
import Documents
import Foundation
import Models
import TensorCore
import Transformers

extension TrainingStage {
  /// Trains and leaves an artefact, or takes the artefact when it is there.
  public func run(_ stage: RecipeStage, in context: StageContext) throws {
    if let path = context.run.artefact(of: stage, suffix: ".h5") {
      let artefact = try context.artefact(of: stage, at: path)
      for layer in context.student.layers { layer.adapters = [:] }
      try artefact.install(on: context.student, location: path)
      context.adapters = artefact.adapters
      context.progress.log("\(stage.id): done before, taken from \(path)")
      return
    }
    try context.stopIfAsked(in: stage.id)
    let path = context.run.artefactPath(of: stage) + ".h5"
    let start = context.clock()
    let isTrainable = context.student.parameters.map(\.parameter.isTrainable)
    let parameters = context.student.parameters.map(\.parameter)
    try train(stage.id, in: context)
    // What one stage freezes is not frozen for the next, in a resumed run as little as in this one.
    for (parameter, flag) in zip(parameters, isTrainable) { parameter.isTrainable = flag }
    for (_, parameter) in context.student.ownWeights { parameter.isTrainable = false }
    var artefact = context.artefact(of: stage)
    artefact.adapters = context.adapters
    artefact.tensors = StudentArtefact.tensors(of: context.student)
    try context.requireTeacher()
    try artefact.write(to: path)
    context.progress.log("\(stage.id): \(path), \(Int((context.clock() - start).rounded())) s")
    BufferPool.shared.drain()
  }
}

/// A file in the place of a stage's result that another run made.
struct ForeignArtefact: ExitCoded, CustomStringConvertible {
  let path: String
  let differences: [String]

  var exitCode: ExitCode { .badData }
  var description: String {
    "\(path): another run made it: found \(differences.joined(separator: "; ")). Bring this run's "
      + "own file back, or remove it to run the stage again"
  }
}

extension StageContext {
  /// Before work of a stage that keeps nothing until it is done, and within it.
  ///
  /// - Throws: `Preempted` once a signal asked the run to stop.
  func stopIfAsked(in stage: String) throws {
    if let signal = interruption.signalName {
      throw Preempted(stage: stage, step: 0, signalName: signal)
    }
  }

  /// Before anything is kept that names the teacher by its hash.
  ///
  /// - Throws: `CheckpointError` when its files are not those any more that the run began with.
  func requireTeacher() throws { try original.requireUnchanged(digest: teacherDigest) }

  /// What a stage left before.
  ///
  /// - Throws: `ForeignArtefact` when another run made the file, and what reading it throws.
  func artefact(of stage: RecipeStage, at path: String) throws -> StudentArtefact {
    let found = try StudentArtefact.read(path)
    let own = artefact(of: stage)
    var differences: [String] = []
    if found.stage != own.stage {
      differences.append("stage \"\(found.stage)\", expected \"\(own.stage)\"")
    }
    if found.seed != own.seed { differences.append("seed \(found.seed), expected \(own.seed)") }
    if found.teacherDigest != own.teacherDigest {
      differences.append("a teacher of other weights (\(found.teacherPath))")
    }
    if !differences.isEmpty { throw ForeignArtefact(path: path, differences: differences) }
    return found
  }

  /// What made a stage's result, without its tensors.
  func artefact(of stage: RecipeStage) -> StudentArtefact {
    var artefact = StudentArtefact(
      student: studentDocument, seed: seed, teacherPath: teacher.source.location,
      teacherDigest: teacherDigest, adapters: nil, stage: stage.id,
      program: "linearize \(EnvironmentReport.version)", recipe: resolved, tensors: [])
    artefact.teacherFiles = StudentArtefact.files(of: teacher.source)
    artefact.adapterPath = teacher.source.adapterPath
    return artefact
  }
}
