import Foundation

/// A stage in its place in a recipe.
public struct RecipeStage: Sendable {
  /// Tells the stage apart from all others of the recipe; its checkpoints, artefact, metrics and
  /// TensorBoard curves carry it.
  public let id: String
  /// Place among the recipe's stages, from 0.
  public let index: Int
  /// What the stage does.
  public let specification: any StageSpecification

  /// The word after `"stage":`.
  public var name: String { specification.name }
  /// What the stage tells a training loop; `nil` for a stage that trains nothing.
  public var training: TrainingSpecification? { specification.training }

  /// `01-attention-transfer`: names of artefacts sort as their stages do.
  var numberedName: String {
    let number = String(index + 1)
    return String(repeating: "0", count: max(0, 2 - number.count)) + number + "-" + id
  }

  /// How a message names the stage.
  var described: String { id == name ? "\"\(name)\"" : "\"\(id)\" (\(name))" }
}

extension [RecipeStage] {
  /// Whether a model is trained from the start instead of converted.
  var arePretraining: Bool { contains { $0.specification.phase == .pretraining } }

  /// What is to be done about low-rank updates that a stage cannot have beside its own.
  func adapterProblem(_ reason: String) -> String? {
    guard let stage = first(where: { $0.specification.leavesAdapters }) else { return nil }
    return "stands behind \(stage.described), whose low-rank updates are not weights yet, and "
      + "\(reason); set \"merge\": true in stages[\(stage.index)]"
  }
}

extension RunDirectory {
  /// Where a stage's artefact is to be written, without its extension.
  func artefactPath(of stage: RecipeStage) -> String { "\(artefactsPath)/\(stage.numberedName)" }

  /// Where a stage's artefact is; nil while there is none. One without a number is of a run that
  /// was begun before artefacts had them.
  ///
  /// - Parameter suffix: the extension with its dot.
  func artefact(of stage: RecipeStage, suffix: String) -> String? {
    let names = [stage.numberedName] + (stage.id == stage.name ? [stage.name] : [])
    return names.map { "\(artefactsPath)/\($0)\(suffix)" }
      .first { FileManager.default.fileExists(atPath: $0) }
  }
}
