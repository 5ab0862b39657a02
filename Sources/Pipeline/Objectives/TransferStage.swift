import Documents
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
    try prepare(context.student, seed: context.seed)
    guard context.student.parameters.contains(where: { $0.parameter.isTrainable }) else {
      context.progress.log("\(id): this student has nothing to train")
      return
    }
    if let activations {
      try StoredActivationTransfer(
        id: id, stage: self, activations: activations, context: context
      ).run()
    } else {
      try runLoop(id, in: context)
    }
  }

  func makeObjective(
    _ id: String, data: RecipeData, in context: StageContext
  ) -> any Objective {
    LayerObjective(teacher: context.teacher.decoder, student: context.student, losses: losses)
  }
}
