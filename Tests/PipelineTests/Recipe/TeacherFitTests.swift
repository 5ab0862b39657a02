import Documents
import Foundation
import Testing
import Transformers

@testable import Pipeline

/// Recipes that another kind of teacher could carry out.
@Suite struct TeacherFitTests {
  private func mistakes(_ recipe: LoadedRecipe) throws -> [String] {
    let error = try #require(throws: RecipeError.self) { try Preflight(recipe) }
    #expect(error.exitCode == .recipe)
    guard case .mistaken(_, let document) = error else { return ["\(error)"] }
    return document.diagnostics.map(\.description)
  }

  private let possible = """
    expected of "attention-transfer", "output-alignment", "embedding-distillation", "evaluate"
    """

  @Test
  func `stages and texts for decoders are refused for an encoder, each with its path, all at once`()
    throws
  {
    let encoder = try TinyEncoder()
    defer { #expect(throws: Never.self) { try encoder.remove() } }
    _ = try Preflight(try encoder.recipe())
    let stages = """
      stages=[{"stage":"attention-transfer","steps":1},{"stage":"low-rank-adaptation","steps":1},\
      {"stage":"finetune","steps":1},\
      {"stage":"evaluate","tasks":[{"path":"\(encoder.folder)/encoder/config.json"}]}]
      """
    let reason =
      "learns to predict the next token, but the teacher (bert) is an encoder, whose tokens see the "
      + "whole text"
    #expect(
      try mistakes(
        try encoder.recipe(
          stages, "data.packing=concatenated", "data.longDocuments=split",
          "data.sequenceLength=25")) == [
          "$.stages[1]: \"low-rank-adaptation\" \(reason); \(possible)",
          "$.stages[2]: \"finetune\" \(reason); \(possible)",
          "$.stages[3].tasks: are scored by next tokens, which the teacher (bert), an encoder, does "
            + "not predict; remove them",
          "$.data.packing: found \"concatenated\", expected \"oneDocument\": an encoder (bert) "
            + "reads one text at a time",
          "$.data.longDocuments: found \"split\", expected \"truncated\" or \"refused\": a piece of "
            + "a text lacks the tokens that an encoder (bert) reads around it",
          "$.data.sequenceLength: found 25, expected at most the 24 learned positions of the "
            + "teacher (bert)",
        ])
  }

  @Test(arguments: ["sliding", "terrace"])
  func `a window on an encoder's student is refused`(name: String) throws {
    let encoder = try TinyEncoder()
    defer { #expect(throws: Never.self) { try encoder.remove() } }
    let recipe = try encoder.recipe("student.mixer=\(name)-window")
    let error = try #require(throws: ModelError.self) { try Preflight(recipe) }
    #expect(
      error.description.hasPrefix(
        "tiny.json: student.mixer is \"\(name)-window\", but a window needs a causal teacher"))
  }

  @Test func `embedding distillation is refused for a decoder`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let found = try mistakes(
      try teacher.recipe(
        #"stages=[{"stage":"embedding-distillation","steps":1,"batchSize":2}]"#,
        "data.validation=[]", "stages[0].keepBest=false"))
    #expect(found.count == 1)
    #expect(
      found.first?.hasPrefix(
        "$.stages[0]: \"embedding-distillation\" learns the embeddings of whole texts, but the "
          + "teacher (llama) is a decoder; expected of \"pretrain\", \"layer-selection\", ")
        == true)
  }

  @Test func `an encoder is not pretrained, and a text has no similarities by itself`() throws {
    let pretrain: JSONValue = [
      "name": "new",
      "teacher": [
        "configuration": [
          "model_type": "bert", "hidden_size": 16, "num_hidden_layers": 1,
          "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 32,
          "max_position_embeddings": 64,
        ]
      ],
      "data": ["train": [["path": "ids.json", "format": "token-ids"]], "sequenceLength": 32],
      "stages": [["stage": "pretrain", "steps": 1, "keepBest": false]],
    ]
    var error = #expect(throws: RecipeError.self) {
      try LoadedRecipe(document: pretrain, path: "new.json")
    }
    #expect(
      error?.description.contains(
        "$.teacher.configuration: describes an encoder (bert), which predicts no next token; the "
          + "stage \"pretrain\" trains decoders") == true)
    let encoder = try TinyEncoder()
    defer { #expect(throws: Never.self) { try encoder.remove() } }
    error = #expect(throws: RecipeError.self) {
      try encoder.recipe("stages[1].batchSize=1", "stages[1].similarityWeight=2")
    }
    #expect(
      error?.description.contains(
        "$.stages[1].batchSize: found 1 beside the loss \"embedding-similarities\", expected at least "
          + "2: a text has no similarities by itself") == true)
  }
}
