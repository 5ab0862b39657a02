import Checkpoints
import Documents
import Foundation
import Models
import ModelsTestSupport
import TensorCore
import Testing
import Transformers

@testable import Pipeline

private let artefacts = [
  "run/artefacts/01-pretrain/model.safetensors", "run/artefacts/01-pretrain/config.json",
  "run/metrics.jsonl", "run/checkpoints/pretrain/step-00000006/state.h5",
]

@Suite struct PretrainingTests {
  private static let configurations: [String: JSONValue] = [
    "llama": [
      "model_type": "llama", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
      "num_key_value_heads": 2, "intermediate_size": 48, "vocab_size": 61,
      "max_position_embeddings": 64, "tie_word_embeddings": true, "initializer_range": 0.1,
    ],
    "gpt2": [
      "model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_inner": 48,
      "vocab_size": 61, "n_positions": 64, "initializer_range": 0.1,
    ],
    "gpt_neox": [
      "model_type": "gpt_neox", "hidden_size": 32, "num_hidden_layers": 2,
      "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": 61,
      "max_position_embeddings": 64, "initializer_range": 0.1,
    ],
  ]

  /// The tiny teacher's data, whose ids repeat with a period of 7 here: there is something to
  /// learn.
  private func recipe(
    _ teacher: TinyTeacher, family: String = "llama", _ overrides: String...
  ) throws -> LoadedRecipe {
    let ids = (0..<3000).map { JSONValue.integer($0 * $0 % 7 * 8) }
    try DocumentFile(teacher.folder + "/ids.json").replace(with: JSONValue.array(ids).compact)
    let data: JSONValue = [["path": .string(teacher.folder + "/ids.json"), "format": "token-ids"]]
    let document: JSONValue = [
      "name": "tiny", "output": .string("\(teacher.folder)/run"),
      "teacher": ["configuration": Self.configurations[family]!],
      "data": [
        "train": data, "validation": data, "test": data, "sequenceLength": 64,
        "validationSequences": 2, "testSequences": 3,
      ],
      "stages": [
        [
          "stage": "pretrain", "steps": 6, "batchSize": 2, "gradientAccumulation": 2,
          "checkpointEvery": 2, "evaluateEvery": 3,
          "optimizer": ["learningRate": 0.02, "weightDecay": 0.1, "clipGradientNorm": 1],
          "schedule": ["kind": "cosine", "warmupSteps": 1],
        ], ["stage": "evaluate"],
      ],
    ]
    return try LoadedRecipe(
      document: document, path: "tiny.json",
      overrides: try overrides.map { try RecipeOverride(parsing: $0) })
  }

  private func measures(_ teacher: TinyTeacher) throws -> JSONValue {
    try #require(
      try DocumentFile("\(teacher.folder)/run/results.json").read()["linearize"]?["measures"])
  }

  @Test(arguments: ["llama", "gpt2", "gpt_neox"])
  func `a new model of any family learns, and its folder is a teacher of the measured perplexity`(
    family: String
  ) throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    #expect(
      try teacher.run(try recipe(teacher, family: family, "stages[0].steps=40")) == .success)
    let perplexity = try #require(try measures(teacher)["teacherPerplexity"]?.doubleValue)
    // Seven ids follow each other with a period: a model that learned nothing is at 61.
    #expect(perplexity < 20)
    #expect(try measures(teacher)["studentPerplexity"]?.doubleValue == nil)
    let folder = "\(teacher.folder)/run/artefacts/01-pretrain"
    let model = try LoadedModel.open(folder)
    #expect(model.student == nil && model.decoder.parameters.isEmpty)
    #expect(try LoadedModel.open("\(teacher.folder)/run").location == "\(teacher.folder)/run")
    let written = try ModelSource.open(folder)
    let new = try NewModel(Self.configurations[family]!, location: "")
    #expect(
      written.tensors.mapValues(\.shape)
        == Dictionary(uniqueKeysWithValues: new.tensorShapes.map { ($0.name, $0.shape) }))
    let initial = new.initialTensors(seed: 42)
    for (name, tensor) in written.tensors {
      #expect(tensor.widened().elements != initial[name]?.widened().elements, "\(name)")
    }
    for (key, value) in Self.configurations[family]!.objectValue!.members {
      #expect(written.configuration[key] == value)
    }
  }

  @Test func `a pretrained folder is converted like any checkpoint`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    _ = try teacher.run(try recipe(teacher, "stages[0].dtype=float16"))
    let folder = "\(teacher.folder)/run/artefacts/01-pretrain"
    #expect(
      try ModelSource.open(folder).tensors.values.allSatisfy { $0.elementType == .float16 })
    let conversion = try teacher.recipe(
      "teacher.path=\(folder)", "student.windowSize=4", output: "converted")
    #expect(try teacher.run(conversion) == .success)
  }

  @Test(arguments: [0, 1, 2, 3, 5, 6])
  func `a run stopped at any step and resumed writes the bytes of one that was not`(polls: Int)
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try recipe(teacher)
    _ = try teacher.run(recipe)
    let expected = try artefacts.map(teacher.bytes)
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    let error = #expect(throws: Preempted.self) {
      try teacher.run(recipe, interruption: .after(polls: 3 * polls))
    }
    #expect(error?.exitCode == .preempted)
    _ = try teacher.run(recipe, resume: true)
    for (name, bytes) in zip(artefacts, expected) {
      #expect(try teacher.bytes(name) == bytes, "\(name)")
    }
  }

  @Test func `activation checkpointing changes no bit of the weights`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    _ = try teacher.run(try recipe(teacher))
    let kept = try teacher.bytes(artefacts[0])
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    _ = try teacher.run(try recipe(teacher, "stages[0].activationCheckpointing=true"))
    #expect(try teacher.bytes(artefacts[0]) == kept)
  }

  @Test func `a student trained from scratch is a student to whoever opens its folder`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try recipe(
      teacher, #"student={"mixer":"sliding-window","windowSize":8}"#, "stages[0].steps=20")
    #expect(try teacher.run(recipe) == .success)
    let measures = try measures(teacher)
    #expect(measures["teacherPerplexity"]?.doubleValue == nil)
    let perplexity = try #require(measures["studentPerplexity"]?.doubleValue)
    #expect(perplexity < 61)
    let student = try LoadedModel.open("\(teacher.folder)/run")
    #expect(student.student?.stage == "pretrain")
    #expect(student.decoder.parameters.count == 2 * 3)
    #expect(student.decoder.ownWeights.isEmpty)
    // Maps and factors were trained too.
    let fresh = try NewModel(Self.configurations["llama"]!, location: "").sketch
    try fresh.install(try #require(recipe.recipe.student), seed: 42, location: "")
    for (trained, initial) in zip(student.decoder.parameters, fresh.parameters) {
      #expect(trained.name == initial.name)
      #expect(trained.parameter.value.elements != initial.parameter.value.elements)
    }
  }

  @Test func `a checkpoint's weights are trained on`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try recipe(
      teacher, "~teacher.configuration", "teacher.path=\(teacher.folder)/teacher",
      "stages[0].steps=1", "stages[0].optimizer.learningRate=1e-5", "stages[0].schedule={}")
    _ = try teacher.run(recipe)
    let before = try ModelSource.open("\(teacher.folder)/teacher").tensors
    let after = try ModelSource.open("\(teacher.folder)/run/artefacts/01-pretrain").tensors
    #expect(Set(before.keys) == Set(after.keys))
    for (name, tensor) in before {
      let pairs = zip(tensor.widened().elements, try #require(after[name]).widened().elements)
      #expect(pairs.contains { $0 != $1 } && pairs.allSatisfy { abs($0 - $1) < 2e-5 }, "\(name)")
    }
  }

  @Test func `another configuration or tokenizer is not resumed`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    #expect(throws: Preempted.self) {
      try teacher.run(try recipe(teacher), interruption: .after(polls: 2))
    }
    let error = #expect(throws: RunError.self) {
      try teacher.run(
        try recipe(teacher, "teacher.configuration.rms_norm_eps=1e-4"), resume: true)
    }
    #expect(error?.description.contains("rms_norm_eps") == true)
  }

  @Test func `a tokenizer of more tokens than the vocabulary is refused before any work`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    try TinyCheckpoint.write(TinyCheckpoint.llama(), to: teacher.folder + "/teacher")
    let small = "teacher.configuration.vocab_size=39"
    let folder = "teacher.tokenizer=\(teacher.folder)/teacher"
    let error = #expect(throws: ModelError.self) {
      try teacher.run(try recipe(teacher, small, folder))
    }
    #expect(
      error?.description
        == "teacher.configuration: vocab_size is 39, but \(teacher.folder)/teacher has tokens up "
        + "to 39; expected at least 40")
    #expect(!teacher.exists("run"))
    _ = try teacher.run(try recipe(teacher, folder))
    #expect(try LoadedModel.open("\(teacher.folder)/run").tokenizer?.vocabularySize == 40)
  }

  @Test func `the plan knows the parameters of a new model, and draws none of them`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let wide = "teacher.configuration.intermediate_size=100000000"
    let plan = try ConversionPlan(try Preflight(recipe(teacher, wide)))
    #expect(plan.stages.map(\.name) == ["pretrain"])
    #expect(plan.stages[0].trainedParameters > 2 * 3 * 32 * 100_000_000)
    #expect(plan.stages[0].steps == 6 && plan.stages[0].tokens == 6 * 4 * 64)
    #expect(plan.trainingSequences > 10)
    #expect(plan.text.contains("parameters, new\n"))
    #expect(!teacher.exists("run"))
  }
}
