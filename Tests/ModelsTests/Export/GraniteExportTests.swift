import Checkpoints
import Differentiation
import Documents
import Foundation
import ModelsTestSupport
import Operations
import TensorCore
import TestSupport
import Testing
import Transformers

@testable import Models

/// A Llama teacher's hybrid of Mamba-2 as a GraniteMoeHybrid, held against transformers' own class
/// (scripts/goldens/granite_hybrid.py); the rest is `scripts/check-huggingface` and `scripts/check-gguf`.
@Suite struct GraniteExportTests {
  private let native = NativeExportCase(
    format: .graniteHybrid, golden: "granite-hybrid", teacher: "llama-linear-tied",
    hybrid: ["mixer": "mamba-2", "softmaxLayers": [1]], purpose: "granite_hybrid",
    middles: ["norm.weight": 1.0, "dt_bias": -2, "A_log": 0.5, "D": 1])

  @Test func `logits of a hybrid are those of transformers' GraniteMoeHybrid`() throws {
    try native.checkLogits()
  }

  @Test func `the folder holds what transformers' GraniteMoeHybrid has to hold, to the bit`() throws
  {
    try native.checkFolder { configuration, card in
      #expect(configuration["model_type"] == "granitemoehybrid")
      #expect(configuration["architectures"] == ["GraniteMoeHybridForCausalLM"])
      let multiplier = try #require(configuration["attention_multiplier"]?.doubleValue)
      #expect(Float(multiplier) == 1 / Float(8).squareRoot())
      #expect(card.contains("GraniteMoeHybrid"))
    }
  }

  /// A teacher with another epsilon in its configuration than the golden's.
  private func epsilonOfMamba(_ name: String, in folder: String) throws -> String {
    let teacher = "\(folder)/teacher"
    try FileManager.default.copyItem(atPath: NativeExportCase.teacher(name), toPath: teacher)
    let file = DocumentFile("\(teacher)/config.json")
    var object = try #require(try file.read().objectValue)
    object["rms_norm_eps"] = 1e-5
    try file.replace(with: JSONValue.object(object).pretty)
    return teacher
  }

  @Test func `Llama 3's scaling of positions is carried, and a head of its own`() throws {
    try withTemporaryFolder { folder in
      let teacher = try epsilonOfMamba("llama-llama3", in: folder)
      let model = try native.student(of: teacher, in: folder)
      _ = try NativeExport(
        model, as: .graniteHybrid, type: .bfloat16, mergesAdapters: true, shardBytes: 1 << 30
      ).run(to: "\(folder)/out")
      let configuration = try DocumentFile("\(folder)/out/config.json").read()
      let expected = try DocumentFile("\(teacher)/config.json").read()
      #expect(configuration["rope_parameters"] == expected["rope_parameters"])
      #expect(configuration["tie_word_embeddings"] == false)
      let tensors = try ModelSource.open("\(folder)/out").tensors
      #expect(tensors["lm_head.weight"]?.shape == [97, 32])
      #expect(tensors.values.allSatisfy { $0.elementType == .bfloat16 })
      try GGUFExport(model, type: .f32, mergesAdapters: true).run(to: "\(folder)/out.gguf")
      let divisors = try ModelSource.open("\(folder)/out.gguf").tensors["rope_freqs.weight"]
      #expect(divisors?.shape == [4])
    }
  }

  /// What llama.cpp's loader asks for, with its extents in the file's order reversed.
  @Test func `a GGUF file has the tensors and keys of granitehybrid`() throws {
    try withTemporaryFolder { folder in
      let model = try native.goldenStudent(in: folder)
      try GGUFExport(model, type: .f32, mergesAdapters: true).run(to: "\(folder)/out.gguf")
      let file = try ModelSource.open("\(folder)/out.gguf")
      // Values and gates twice: 64 of each, keys and queries 32, steps 4.
      let expected: [String: [Int]] = [
        "attn_norm.weight": [32], "ffn_norm.weight": [32], "ffn_gate.weight": [40, 32],
        "ffn_up.weight": [40, 32], "ffn_down.weight": [32, 40], "ssm_in.weight": [196, 32],
        "ssm_conv1d.weight": [128, 4], "ssm_conv1d.bias": [128], "ssm_dt.bias": [4],
        "ssm_a": [4, 1], "ssm_d": [4, 1], "ssm_norm.weight": [4, 16], "ssm_out.weight": [32, 64],
      ]
      let linear = file.tensors.filter { $0.key.hasPrefix("blk.0.") }
      #expect(Set(linear.keys) == Set(expected.keys.map { "blk.0.\($0)" }))
      for (name, shape) in expected { #expect(linear["blk.0.\(name)"]?.shape == shape, "\(name)") }
      #expect(file.tensors["blk.1.attn_q.weight"]?.shape == [32, 32])
      let own = Dictionary(
        uniqueKeysWithValues: model.decoder.layers[0].mixer.parameters.map {
          ($0.name, $0.value.elements)
        })
      let rates = try #require(linear["blk.0.ssm_a"]).widened().elements
      for (rate, logarithm) in zip(rates, try #require(own["A_log"])) {
        #expect(abs(Double(rate) + exp(Double(logarithm))) < 1e-6)
      }
      let norm = try #require(linear["blk.0.ssm_norm.weight"]).widened().elements
      let weights = try #require(own["norm.weight"])
      for head in 0..<4 {
        let expected = Array(weights[head * 8..<(head + 1) * 8])
        #expect(Array(norm[head * 16..<(head + 1) * 16]) == expected + expected)
      }
      let output = try #require(linear["blk.0.ssm_out.weight"]).widened().elements
      let whole = model.decoder.weights.blocks[0].attention.output.weight.tensor.elements
      for (index, value) in output.enumerated() {
        let (row, column) = (index / 64, index % 64)
        let found = column % 16 < 8 ? whole[row * 32 + column / 16 * 8 + column % 16] : 0
        #expect(value == found)
      }
      let keys: [String: JSONValue] = [
        "attention.head_count_kv": [0, 1], "attention.head_count": 4, "ssm.conv_kernel": 4,
        "ssm.state_size": 8, "ssm.group_count": 4, "ssm.time_step_rank": 4, "ssm.inner_size": 64,
        "rope.scaling.type": "linear", "rope.scaling.factor": 2.5, "rope.scaling.finetuned": true,
        "rope.dimension_count": 8,
      ]
      for (key, value) in keys { #expect(file.metadata["granitehybrid.\(key)"] == value, "\(key)") }
    }
  }

  private static let refusals: [(teacher: String, student: JSONValue, words: [String])] = [
    (
      "llama-linear-tied", ["mixer": "mamba-2"],
      ["no layer that kept softmax", "without which they stop", "at least one layer, \"every 4\""]
    ),
    (
      "llama-linear-tied", ["mixer": "gated-delta-net", "softmaxLayers": [0]],
      ["the mixer gated-delta-net", "mamba-2"]
    ),
    (
      "llama", ["mixer": "mamba-2", "softmaxLayers": [0]],
      ["norms with the epsilon 1e-06", "1e-05, which the Mamba-2 layers' norms have"]
    ),
    (
      "mistral", ["mixer": "mamba-2", "softmaxLayers": [0]],
      ["a window in layers that kept softmax", "epsilon 1e-06"]
    ),
    (
      "qwen2", ["mixer": "mamba-2", "softmaxLayers": [0]],
      ["found biases", "none, as in llama", "epsilon 1e-06"]
    ),
    (
      "qwen3", ["mixer": "mamba-2", "softmaxLayers": [0]],
      [
        "norms of queries and keys", "4 heads of 16 in a model 32 wide",
        "heads that together are as wide as the model",
      ]
    ),
    (
      "smollm3", ["mixer": "mamba-2", "softmaxLayers": [0]],
      ["partial, differing or no rotary positions"]
    ),
    (
      "llama-yarn", ["mixer": "mamba-2", "softmaxLayers": [0]],
      ["scaled rotary positions", "plain ones, linear or llama3"]
    ),
  ]

  @Test(arguments: refusals.indices)
  func `what GraniteMoeHybrid does not have is refused by name, and nothing is written`(index: Int)
    throws
  {
    let (teacher, document, words) = Self.refusals[index]
    try withTemporaryFolder { folder in
      let model = try native.student(document, of: NativeExportCase.teacher(teacher), in: folder)
      let before = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      let error = #expect(throws: ExportError.self) {
        try NativeExport(
          model, as: .graniteHybrid, type: nil, mergesAdapters: true, shardBytes: 1 << 30
        ).run(to: "\(folder)/out")
      }
      for word in words { #expect(error?.description.contains(word) == true, "\(word): \(error!)") }
      #expect(error?.exitCode == .usage)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == before)
    }
  }

  @Test func `adapters apart and a teacher without a student are refused`() throws {
    try withTemporaryFolder { folder in
      let models = [
        (try native.student(in: folder), "merged ones, with --merge"),
        (
          try LoadedModel.open(NativeExportCase.teacher("llama-linear-tied")),
          "one of a Llama-like teacher with mamba-2"
        ),
      ]
      for (model, words) in models {
        let error = #expect(throws: ExportError.self) {
          try NativeExport(
            model, as: .graniteHybrid, type: nil, mergesAdapters: false, shardBytes: 1 << 30
          ).run(to: "\(folder)/out")
        }
        #expect(error?.description.contains(words) == true, "\(error!)")
      }
    }
  }
}
