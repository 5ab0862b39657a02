import Transformers

extension LoadedRecipe {
  /// Stands the student on its teacher, of which only the headers are read.
  ///
  /// - Throws: what opening the teacher throws, `RecipeError` when stages or texts are not for such
  ///   a teacher, and `ModelError` with every reason why the student cannot stand on it.
  public func checkStudent() throws {
    let seed = UInt64(recipe.seed)
    let model = try LoadedModel.open(recipe.teacher, seed: seed, drawsWeights: false)
    try requireFit(model.decoder.configuration)
    guard let student = recipe.student else { return }
    try model.decoder.install(student, seed: seed, location: path)
    let problems = recipe.stages.enumerated().flatMap { index, stage in
      ((stage as? FinetuningSpecification)?.parameters ?? []).compactMap {
        model.decoder.problem(of: $0).map { "stages[\(index)].parameters: \($0)" }
      }
    }
    if !problems.isEmpty { throw ModelError(location: path, problems: problems) }
  }
}
