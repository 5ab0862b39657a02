import Students
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
    var problems = transferProblems(model.decoder)
    problems += recipe.stages.enumerated().flatMap { index, stage in
      self.problems(of: stage, on: model.decoder).map { "stages[\(index)].\($0)" }
    }
    if !problems.isEmpty { throw ModelError(location: path, problems: problems) }
    for stage in recipe.stages.compactMap({ $0 as? any StudentStageSpecification }) {
      try stage.checkInputs(recipe, teacher: model.decoder.configuration) {
        try model.source.contentDigest()
      }
    }
  }

  /// Patterns that name nothing, as the ends of paths and what is wrong there.
  private func problems(of stage: any StageSpecification, on decoder: Decoder) -> [String] {
    let named = stage as? any NamedWeightsSpecification
    let untiesHead = named?.untiesHead ?? false
    let places =
      (named?.parameters ?? []).map { ("parameters", $0) }
      + (stage.training?.optimizer.groups ?? []).enumerated().flatMap { index, group in
        group.parameters.map { ("optimizer.groups[\(index)].parameters", $0) }
      }
    return places.compactMap { path, pattern in
      decoder.problem(of: pattern, untiesHead: untiesHead).map { "\(path): \($0)" }
    }
  }

  /// What attention transfer asks of the student's mixers and they have not.
  private func transferProblems(_ decoder: Decoder) -> [String] {
    recipe.stages.enumerated().flatMap { index, stage -> [String] in
      guard let transfer = stage as? any TransferStageSpecification,
        let layer = decoder.layers.first(where: { !($0.mixer is SoftmaxAttentionMixer) })
      else { return [] }
      var problems: [String] = []
      let weight = (transfer as? AttentionTransferSpecification)?.attentionWeightCrossEntropyWeight
      if let weight, weight > 0, !layer.mixer.hasAttentionWeights {
        problems.append(
          "stages[\(index)].attentionWeightCrossEntropyWeight is above 0, but the student has no attention weights to compare; set it to 0"
        )
      }
      if transfer.activations != nil, layer.mixer.sharesFirstValues {
        problems.append(
          "stages[\(index)].activations trains blocks of layers apart, but this student's layers share the values of the first; set it to null"
        )
      }
      return problems
    }
  }
}
