import Checkpoints
import Documents
import Foundation
import Models
import TensorCore

@testable import Pipeline

/// A random teacher of the llama family, layers of 32, and token ids, in a folder of its own.
struct TinyTeacher: TinyModel {
  let folder: String

  /// - Parameter poison: in the keys of layer 1 and behind it; with 3e38 sums are infinite, though no
  ///   weight is.
  init(poison: Float? = nil, seed: UInt64 = 3, layers: Int = 2) throws {
    folder = NSTemporaryDirectory() + "linearize-" + UUID().uuidString
    try FileManager.default.createDirectory(
      atPath: folder + "/teacher", withIntermediateDirectories: true)
    let configuration: JSONValue = [
      "model_type": "llama", "hidden_size": 32, "num_hidden_layers": .integer(layers),
      "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48,
      "vocab_size": 61, "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
      "rope_theta": 10000.0, "tie_word_embeddings": true, "hidden_act": "silu",
    ]
    try DocumentFile(folder + "/teacher/config.json").replace(with: configuration.pretty)
    var generator = SeededGenerator(seed: seed, purpose: "tiny teacher")
    var tensors: [(String, StoredTensor)] = []
    let add = { (name: String, shape: Shape, bound: Float) in
      tensors.append(
        (name, StoredTensor(.uniform(shape, in: -bound...bound, using: &generator))))
    }
    add("model.embed_tokens.weight", [61, 32], 1)
    for layer in 0..<layers {
      let prefix = "model.layers.\(layer)"
      add("\(prefix).input_layernorm.weight", [32], 1)
      add("\(prefix).post_attention_layernorm.weight", [32], 1)
      add("\(prefix).self_attn.q_proj.weight", [32, 32], 0.6)
      add("\(prefix).self_attn.k_proj.weight", [16, 32], 0.6)
      add("\(prefix).self_attn.v_proj.weight", [16, 32], 0.4)
      add("\(prefix).self_attn.o_proj.weight", [32, 32], 0.4)
      add("\(prefix).mlp.gate_proj.weight", [48, 32], 0.3)
      add("\(prefix).mlp.up_proj.weight", [48, 32], 0.3)
      add("\(prefix).mlp.down_proj.weight", [32, 48], 0.3)
    }
    tensors.append(
      ("model.norm.weight", StoredTensor(Tensor(repeating: poison ?? 1, [32]))))
    if let poison {
      let index = tensors.firstIndex { $0.0 == "model.layers.1.self_attn.k_proj.weight" }!
      tensors[index].1 = StoredTensor(Tensor(repeating: poison, [16, 32]))
    }
    _ = try SafetensorsWriter().write(tensors, into: folder + "/teacher")
    let ids = (0..<3000).map { _ in JSONValue.integer(Int(generator.next() % 61)) }
    try DocumentFile(folder + "/ids.json").replace(with: JSONValue.array(ids).compact)
  }

  /// A recipe of 6 steps each on this teacher, changed by overrides.
  func recipe(_ overrides: String..., output: String = "run") throws -> LoadedRecipe {
    try recipe(overrides, output: output)
  }

  func recipe(_ overrides: [String], output: String = "run") throws -> LoadedRecipe {
    let data: JSONValue = [["path": .string(folder + "/ids.json"), "format": "token-ids"]]
    let training: JSONObject = [
      "steps": 6, "gradientAccumulation": 2, "checkpointEvery": 2, "evaluateEvery": 3,
    ]
    let stage = { (name: JSONValue) in
      var object: JSONObject = ["stage": name]
      for (key, value) in training.members { object[key] = value }
      return JSONValue.object(object)
    }
    let document: JSONValue = [
      "name": "tiny", "output": .string("\(folder)/\(output)"),
      "teacher": ["path": .string(folder + "/teacher")],
      "data": [
        "train": data, "validation": data, "test": data, "sequenceLength": 64,
        "validationSequences": 2, "testSequences": 3,
      ],
      "student": ["mixer": "terrace-window", "windowSize": 8],
      "stages": [
        stage("attention-transfer"), stage("low-rank-adaptation"), ["stage": "evaluate"],
      ],
    ]
    return try LoadedRecipe(
      document: document, path: "tiny.json",
      overrides: try overrides.map { try RecipeOverride(parsing: $0) })
  }

  /// Lines of the metrics of a stage.
  func metrics(_ stage: String) throws -> [JSONValue] {
    try String(contentsOfFile: folder + "/run/metrics.jsonl", encoding: .utf8)
      .split(separator: "\n").map { try JSONValue(parsing: String($0)) }
      .filter { $0["stage"]?.stringValue == stage }
  }

  /// Elements of an artefact's tensors by name.
  func tensors(_ stage: String) throws -> [String: [Float]] {
    Dictionary(
      uniqueKeysWithValues: try StudentArtefact.read(try artefact(stage)).tensors.map {
        ($0.name, $0.tensor.elements)
      })
  }
}
