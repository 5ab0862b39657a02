import Corpus
import Documents
import Transformers

extension LoadedRecipe {
  /// Holds the recipe against its teacher's configuration: stages that such a model cannot do,
  /// texts that it cannot read.
  ///
  /// - Throws: `RecipeError.mistaken` with every mistake at once.
  func requireFit(_ configuration: DecoderConfiguration) throws(RecipeError) {
    let problems =
      stageProblems(configuration)
      + (configuration.isEncoder ? textProblems(configuration) : [])
      + lengthProblems(configuration)
    if !problems.isEmpty { throw .mistaken(path: path, DocumentError(problems)) }
  }

  private func stageProblems(_ configuration: DecoderConfiguration) -> [Diagnostic] {
    let isEncoder = configuration.isEncoder
    let possible = StageRegistry.all.filter { $0.models.include(isEncoder: isEncoder) }
      .map { "\"\($0.name)\"" }.joined(separator: ", ")
    var problems: [Diagnostic] = []
    for place in recipe.stages {
      let (index, stage) = (place.index, place.specification)
      if !type(of: stage).models.include(isEncoder: isEncoder) {
        let reason =
          isEncoder
          ? "learns to predict the next token, but the teacher (\(configuration.family)) is an "
            + "encoder, whose tokens see the whole text"
          : "learns the embeddings of whole texts, but the teacher (\(configuration.family)) is a "
            + "decoder"
        problems.append(
          Diagnostic(
            path: "$.stages[\(index)]",
            message: "\"\(stage.name)\" \(reason); expected of \(possible)"))
      }
      if isEncoder, let evaluation = stage as? Evaluate, !evaluation.tasks.isEmpty {
        problems.append(
          Diagnostic(
            path: "$.stages[\(index)].tasks",
            message: "are scored by next tokens, which the teacher (\(configuration.family)), an "
              + "encoder, does not predict; remove them"))
      }
    }
    return problems
  }

  /// An encoder reads texts one by one, between the tokens that its tokenizer puts around them.
  private func textProblems(_ configuration: DecoderConfiguration) -> [Diagnostic] {
    let packing = recipe.data.packing
    var problems: [Diagnostic] = []
    if packing.packing != .oneDocument {
      problems.append(
        Diagnostic(
          path: "$.data.packing",
          message: "found \"\(packing.packing.rawValue)\", expected \"oneDocument\": an encoder "
            + "(\(configuration.family)) reads one text at a time"))
    }
    if packing.longDocuments == .split {
      problems.append(
        Diagnostic(
          path: "$.data.longDocuments",
          message:
            "found \"split\", expected \"truncated\" or \"refused\": a piece of a text lacks "
            + "the tokens that an encoder (\(configuration.family)) reads around it"))
    }
    return problems
  }

  private func lengthProblems(_ configuration: DecoderConfiguration) -> [Diagnostic] {
    guard configuration.positions == .learned else { return [] }
    let maximum = configuration.maximumPositions
    var lengths = [("$.data.sequenceLength", recipe.data.packing.sequenceLength)]
    for stage in recipe.stages {
      if let length = stage.specification.sequenceLength {
        lengths.append(("$.stages[\(stage.index)].sequenceLength", length))
      }
    }
    return lengths.filter { $0.1 > maximum }.map { path, length in
      Diagnostic(
        path: path,
        message:
          "found \(length), expected at most the \(maximum) learned positions of the teacher "
          + "(\(configuration.family))")
    }
  }
}
