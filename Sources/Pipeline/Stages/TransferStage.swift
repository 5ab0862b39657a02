import Documents
import Students
import Transformers

/// A stage in which every layer's new attention learns from the teacher's, layer by layer.
protocol TransferStage: TrainingStage {
  var losses: LayerLosses { get }
  /// Training from stored attention inputs; `nil` trains while the teacher passes.
  var activations: StoredActivationsSpecification? { get }
}

extension TransferStage {
  var decaysVectors: Bool { true }

  func train(_ id: String, in context: StageContext) throws {
    try requireFit(of: context.student, id: id)
    try prepare(context.student, seed: context.seed)
    guard context.student.parameters.contains(where: { $0.parameter.isTrainable }) else {
      context.progress.log("\(id): this student has nothing to train")
      return
    }
    if let activations {
      try StoredActivationTransfer(
        id: id, training: training!, losses: losses, decaysVectors: decaysVectors,
        activations: activations, context: context
      ).run()
    } else {
      try runLoop(id, in: context)
    }
  }

  func makeObjective(
    _ id: String, data: RecipeData, in context: StageContext
  ) -> any Objective {
    LayerObjective(
      teacher: context.teacher.decoder, student: context.student, losses: losses,
      interruption: context.interruption)
  }
}

extension TransferStage {
  /// What the stage asks of the student's mixers and they have not.
  func mistakes(of student: Decoder) -> [StageField] {
    let mixers = student.convertedLayers.map { student.layers[$0].mixer }
    var mistakes = Array(mixers.compactMap { losses.mistake(of: $0) }.prefix(1))
    if activations != nil,
      let sharing = mixers.compactMap({ $0 as? any SharingMixer }).first
    {
      mistakes.append(
        StageField(
          key: "activations",
          problem: "trains blocks of layers apart, but this student's layers share "
            + "\(sharing.sharedNames.joined(separator: " and ")); set it to null"))
    }
    return mistakes
  }

  /// - Throws: `StageMistake` for the first of them.
  func requireFit(of student: Decoder, id: String) throws {
    guard let mistake = mistakes(of: student).first else { return }
    throw StageMistake(stage: id, field: mistake.key, problem: mistake.problem)
  }
}
