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
      let artefact = try StudentArtefact.read(path)
      for layer in context.student.layers { layer.adapters = [:] }
      try artefact.install(on: context.student, location: path)
      context.adapters = artefact.adapters
      context.progress.log("\(stage.id): done before, taken from \(path)")
      return
    }
    try context.stopIfAsked(before: stage)
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
    try artefact.write(to: path)
    context.progress.log("\(stage.id): \(path), \(Int((context.clock() - start).rounded())) s")
    BufferPool.shared.drain()
  }
}

extension StageContext {
  func stopIfAsked(before stage: RecipeStage) throws {
    if interruption.isRequested {
      throw Preempted(
        stage: stage.id, step: 0, signalName: interruption.signalName ?? "a signal")
    }
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
