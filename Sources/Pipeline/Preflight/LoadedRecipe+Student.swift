import Models
import Students
import Transformers

extension LoadedRecipe {
  /// Holds the stages against the student that they are to train.
  ///
  /// - Parameter student: installed on its teacher, as it is before any stage.
  /// - Throws: `ModelError` with every reason why a stage cannot train it.
  func requireStages(of student: Decoder) throws {
    var problems = transferProblems(student)
    var names = StudentNames(student)
    for place in recipe.stages {
      guard let stage = place.specification as? any TrainingStage else { continue }
      problems += self.problems(of: stage, names).map { "stages[\(place.index)].\($0)" }
      names.add(stage.trainedNames(names))
    }
    if !problems.isEmpty { throw ModelError(location: path, problems: problems) }
  }

  /// Patterns that name nothing, as the ends of paths and what is wrong there.
  private func problems(
    of stage: any TrainingStage, _ names: StudentNames
  ) -> [String] {
    var problems: [String] = []
    if let named = stage as? any NamedWeightsStage {
      problems = named.parameters.compactMap {
        $0.problem(among: names.named(untiesHead: named.untiesHead)).map { "parameters: \($0)" }
      }
    }
    let trained = stage.trainedNames(names)
    for (index, group) in (stage.training?.optimizer.groups ?? []).enumerated() {
      problems += group.parameters.compactMap {
        $0.problem(among: trained, "that the stage trains")
          .map { "optimizer.groups[\(index)].parameters: \($0)" }
      }
    }
    return problems
  }

  /// What attention transfer asks of the student's mixers and they have not.
  private func transferProblems(_ decoder: Decoder) -> [String] {
    recipe.stages.flatMap { place -> [String] in
      guard let transfer = place.specification as? any TransferStage else { return [] }
      return transfer.mistakes(of: decoder).map {
        "stages[\(place.index)].\($0.key) \($0.problem)"
      }
    }
  }
}
