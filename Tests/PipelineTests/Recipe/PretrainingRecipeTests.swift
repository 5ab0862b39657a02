import Documents
import Testing
import Transformers

@testable import Pipeline

@Suite struct PretrainingRecipeTests {
  private static let text = """
    {
      "name": "new",
      "teacher": {
        "configuration": {
          "model_type": "llama", "hidden_size": 32, "num_hidden_layers": 2,
          "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": 61,
          "max_position_embeddings": 128
        },
        "tokenizer": "models/tokenizer"
      },
      "data": {
        "train": [{ "path": "data/train.txt", "format": "text" }],
        "validation": [{ "path": "data/validation.txt", "format": "text" }],
        "sequenceLength": 128
      },
      "stages": [{ "stage": "pretrain", "steps": 6 }]
    }
    """

  private static func load(_ overrides: [String] = []) throws -> LoadedRecipe {
    try LoadedRecipe(
      document: JSONValue(parsing: text), path: "new.json",
      overrides: overrides.map { try RecipeOverride(parsing: $0) })
  }

  @Test
  func `a new model needs a configuration and no student, and its inputs are text and tokenizer`()
    throws
  {
    let loaded = try Self.load()
    #expect(loaded.recipe.isPretraining && loaded.recipe.student == nil)
    let stage = try #require(loaded.recipe.stages[0].specification as? Pretrain)
    #expect(stage.dtype == .float32 && !stage.activationCheckpointing)
    #expect(stage.training?.optimizer.learningRate == 1e-3)
    #expect(
      try LoadedRecipe(document: loaded.resolved, path: "again.json").resolved == loaded.resolved)
    let error = #expect(throws: RecipeError.self) { try loaded.checkInputs() }
    guard case .missingInputs(_, let inputs) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(
      inputs.map(\.field)
        == ["$.teacher.tokenizer", "$.data.train[0].path", "$.data.validation[0].path"])
  }

  @Test(
    arguments: [
      (
        ["teacher.path=models/teacher"],
        [
          "$.teacher.configuration: is given beside \"path\"; give one of the two and remove the other"
        ]
      ),
      (
        ["teacher.sha256=\(String(repeating: "a", count: 64))"],
        ["$.teacher.sha256: has no effect; the weights of a \"configuration\" are new"]
      ),
      (
        ["~teacher.configuration.vocab_size", "teacher.configuration.hidden_act=sine"],
        [
          "$.teacher.configuration: hidden_act \"sine\" is not supported; known are gelu, gelu_fast, gelu_new, gelu_pytorch_tanh, relu, silu, swish",
          "$.teacher.configuration: vocab_size is missing, expected an integer from 1 to 134217728",
        ]
      ),
      (
        ["teacher.configuration.model_type=mamba"],
        [
          "$.teacher.configuration: the model family \"mamba\" is not known; known are \(TeacherFamilies.all.map { $0.modelType }.joined(separator: ", "))"
        ]
      ),
      (
        ["data.sequenceLength=129"],
        [
          "$.data.sequenceLength: found 129, expected at most the 128 positions of teacher.configuration"
        ]
      ),
      (
        [
          #"student={"mixer":"linear","featureMap":{"skipConnection":true,"projectionDim":4},"softmaxLayers":[7]}"#
        ],
        [
          "$.student: softmaxLayers names layer 7, the teacher has layers 0 to 1",
          "$.student: featureMap.skipConnection needs projectionDim 8, the teacher's head dimension; found 4",
        ]
      ),
      (
        [
          #"stages=[{"stage":"pretrain","steps":6},{"stage":"attention-transfer","steps":6}]"#,
          #"student={"mixer":"linear"}"#,
        ],
        [
          "$.stages[1]: \"attention-transfer\" is beside \"pretrain\"; convert the folder that it writes with a recipe of its own"
        ]
      ),
      (
        [
          #"stages=[{"stage":"attention-transfer","steps":6}]"#, #"student={"mixer":"linear"}"#,
        ],
        [
          "$.stages: do not train the weights of teacher.configuration; expected the stage \"pretrain\", or a checkpoint as teacher.path"
        ]
      ),
      (
        ["stages[0].dtype=int8"],
        [
          "$.stages[0].dtype: found the string \"int8\", expected one of \"float32\", \"bfloat16\", \"float16\""
        ]
      ),
    ] as [([String], [String])])
  func `what cannot be pretrained is refused with its path`(
    _ overrides: [String], _ expected: [String]
  ) throws {
    do {
      _ = try Self.load(overrides)
      Issue.record("no mistake was found")
    } catch RecipeError.mistaken(_, let error) {
      #expect(error.diagnostics.map(\.description) == expected)
    }
  }
}
