import Documents
import Foundation
import Models
import Testing
import Transformers

@testable import Pipeline

@Suite struct ConversionFailureTests {
  /// The start is measured where it may be kept.
  @Test(arguments: [(true, 0, ", before the first step: "), (false, 1, ", step 1: ")])
  func `NaN in a layer stops the stage before anything is published, and names layer and step`(
    keepsBest: Bool, step: Int, place: String
  ) throws {
    let teacher = try TinyTeacher(poison: 3e38)
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe("stages[0].keepBest=\(keepsBest)")
    let error = #expect(throws: NonFiniteValue.self) { try teacher.run(recipe) }
    #expect(error?.exitCode == .badData)
    #expect(error?.step == step)
    #expect(error?.quantity == "the loss of layer 1")
    #expect("\(try #require(error))".contains("attention-transfer" + place))
    #expect(!teacher.exists("run/artefacts/01-attention-transfer.h5"))
    let status = try DocumentFile("\(teacher.folder)/run/status.json").read()
    #expect(status["state"] == "failed")
  }

  @Test(arguments: [Float.nan, .infinity])
  func `a weight that is no number stops a run before its folder is made`(value: Float) throws {
    let teacher = try TinyTeacher(poison: value)
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe()
    let error = #expect(throws: ModelError.self) { try teacher.run(recipe) }
    #expect(
      error?.problems.first?.hasPrefix(
        "model.layers.1.self_attn.k_proj.weight has the value \(value) (element 0), expected numbers"
      )
        == true)
    #expect(error?.exitCode == .badData)
    #expect(!teacher.exists("run"))
  }

  @Test(arguments: [
    ("config.json", "rms_norm_eps"), ("generation_config.json", "temperature"),
  ])
  func `a file beside the weights that changes is not resumed, and named`(
    name: String, key: String
  ) throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let file = DocumentFile("\(teacher.folder)/teacher/\(name)")
    if !file.exists { try file.replace(with: "{}") }
    let recipe = try teacher.recipe()
    _ = try teacher.run(recipe)
    var document = try #require(try file.read().objectValue)
    document["transformers_version"] = "9"
    if name == "config.json" {
      try file.replace(with: JSONValue.object(document).pretty)
      _ = try teacher.run(recipe, resume: true)
    }
    document[key] = 0.5
    try file.replace(with: JSONValue.object(document).pretty)
    let error = #expect(throws: RunError.self) { try teacher.run(recipe, resume: true) }
    #expect(error?.exitCode == .recipe)
    #expect("\(try #require(error))".contains(name), "\(String(describing: error))")
  }

  @Test func `a student whose teacher has another configuration is refused`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    _ = try teacher.run(try teacher.recipe())
    let student = try teacher.artefact("attention-transfer")
    #expect(try LoadedModel.open(student).student != nil)
    let file = DocumentFile("\(teacher.folder)/teacher/config.json")
    var document = try #require(try file.read().objectValue)
    document["rope_theta"] = 77.0
    try file.replace(with: JSONValue.object(document).pretty)
    let error = #expect(throws: ModelError.self) { try LoadedModel.open(student) }
    #expect(error?.description.contains("has another config.json than when the student") == true)
  }

  @Test func `a missed threshold makes the exit status 1 and leaves report and artefacts`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe(
      "stages[2].thresholds.perplexityRatio={\"maximum\":0.01}")
    #expect(try teacher.run(recipe) == .thresholdMissed)
    #expect(teacher.exists("run/report.md"))
    let results = try DocumentFile("\(teacher.folder)/run/results.json").read()
    #expect(results["linearize"]?["keepsThresholds"] == false)
  }

  @Test func `a finished folder is not overwritten, and a changed recipe is not resumed`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    _ = try teacher.run(try teacher.recipe())
    let before = try teacher.bytes("run/artefacts/01-attention-transfer.h5")
    let again = #expect(throws: RunError.self) { try teacher.run(try teacher.recipe()) }
    #expect(again?.exitCode == .usage)
    let changed = #expect(throws: RunError.self) {
      try teacher.run(try teacher.recipe("stages[0].steps=7"), resume: true)
    }
    #expect(changed?.exitCode == .recipe)
    #expect("\(changed!)".contains("stages[0].steps"))
    #expect(try teacher.bytes("run/artefacts/01-attention-transfer.h5") == before)
  }

  @Test func `a student on another teacher is refused with both hashes`() throws {
    let teacher = try TinyTeacher()
    let other = try TinyTeacher(poison: 3e38)
    defer {
      #expect(throws: Never.self) { try teacher.remove() }
      #expect(throws: Never.self) { try other.remove() }
    }
    _ = try teacher.run(try teacher.recipe())
    let error = #expect(throws: ModelError.self) {
      try LoadedModel.open(teacher.folder + "/run", teacher: other.folder + "/teacher")
    }
    #expect(error?.exitCode == .badData)
    #expect("\(error!)".contains("belongs to another teacher"))
  }

  @Test func `a softmax layer that the teacher does not have is refused before any work`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let error = #expect(throws: ModelError.self) {
      try teacher.run(try teacher.recipe("student.softmaxLayers=[5]"))
    }
    #expect("\(error!)".contains("layer 5"))
    #expect(!teacher.exists("run/artefacts/01-attention-transfer.h5"))
  }

  @Test func `recipes at full size plan from headers alone`() throws {
    let plan = try plan(
      "lolcats-llama-3-8b",
      [
        "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
        "vocab_size": 128256, "max_position_embeddings": 8192, "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0, "tie_word_embeddings": false, "hidden_act": "silu",
      ])
    #expect(plan.configuration.layers == 32)
    #expect(plan.teacherBytes > 16_000_000_000)
    #expect(plan.stages.map(\.name) == ["attention-transfer", "low-rank-adaptation"])
    // Two maps of 128 x 64 and a factor, 32 heads, 32 layers.
    #expect(plan.stages[0].trainedParameters == 32 * 32 * (2 * 128 * 64 + 1))
  }

  @Test func `Hedgehog's conversion of GPT-2 plans from headers alone`() throws {
    let plan = try plan(
      "hedgehog-gpt2",
      [
        "model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024,
        "vocab_size": 50257, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
      ])
    #expect(plan.stages.map(\.name) == ["attention-transfer", "finetune"])
    // Two maps of 64 x 64 with a bias of 64, 12 heads, 12 layers.
    #expect(plan.stages[0].trainedParameters == 12 * 12 * 2 * (64 * 64 + 64))
  }

  @Test func `RADLADS' conversion of Qwen2.5-7B plans from headers alone`() throws {
    let (hidden, width, layers) = (3584, 512, 28)
    let plan = try plan(
      "radlads-qwen2.5-7b",
      [
        "model_type": "qwen2", "hidden_size": .integer(hidden),
        "num_hidden_layers": .integer(layers), "num_attention_heads": 28,
        "num_key_value_heads": 4, "intermediate_size": 18944, "vocab_size": 152064,
        "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0,
        "tie_word_embeddings": false, "hidden_act": "silu",
      ], data: "tokens.bin")
    #expect(plan.stages.map(\.name) == ["output-alignment", "logit-distillation", "finetune"])
    // 100, 500 and 100 million tokens.
    #expect(plan.stages.map { $0.tokens / 1_000_000 } == [100, 500, 100])
    // The projections, and the decay, learning rate, value mix (above layer 0) and gate of the
    // ranks that the reference's rule gives for this width.
    #expect(plan.stages[0].trainedParameters > layers * 2 * hidden * (hidden + width))
    #expect(plan.stages[1].trainedParameters > 7_600_000_000)
    #expect(plan.stages[1].trainedParameters == plan.stages[2].trainedParameters)
  }

  /// Of a committed recipe, on a checkpoint of the right shapes, a line of text and a few tokens.
  private func plan(
    _ recipe: String, _ configuration: JSONValue, data: String = "text.jsonl"
  ) throws -> ConversionPlan {
    let folder = NSTemporaryDirectory() + "linearize-" + UUID().uuidString
    defer { #expect(throws: Never.self) { try FileManager.default.removeItem(atPath: folder) } }
    try SparseCheckpoint.write(configuration, to: folder + "/teacher")
    try Data("{\"instruction\":\"a\",\"output\":\"b\",\"text\":\"c\"}\n".utf8)
      .write(to: URL(fileURLWithPath: folder + "/text.jsonl"))
    try IndexedTokenWriter.write(
      [Int32](0..<2000), vocabularySize: 2000, to: folder + "/tokens.bin")
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let names = ["train", "validation", "test"].map { "data.\($0)[0].path=\(folder)/\(data)" }
    let loaded = try LoadedRecipe(
      path: "\(root.path)/recipes/\(recipe).json",
      overrides: try (["teacher.path=\(folder)/teacher"] + names).map {
        try RecipeOverride(parsing: $0)
      })
    return try ConversionPlan(try Preflight(loaded))
  }
}

/// A configuration's tensors without their content: the file is a hole.
private enum SparseCheckpoint {
  static func write(_ configuration: JSONValue, to folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try DocumentFile(folder + "/config.json").replace(with: configuration.pretty)
    let shapes = try NewModel(configuration, location: folder).tensorShapes
    var offset = 0
    var header = JSONObject()
    for (name, shape) in shapes {
      let bytes = shape.reduce(2, *)
      header[name] = [
        "dtype": "BF16", "shape": .array(shape.map { .integer($0) }),
        "data_offsets": [.integer(offset), .integer(offset + bytes)],
      ]
      offset += bytes
    }
    var text = Array(JSONValue.object(header).compact.utf8)
    while text.count % 8 != 0 { text.append(0x20) }
    var file = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) }
    file.append(contentsOf: text)
    let path = folder + "/model.safetensors"
    try file.write(to: URL(fileURLWithPath: path))
    try #require(truncate(path, off_t(file.count + offset)) == 0)
  }
}
