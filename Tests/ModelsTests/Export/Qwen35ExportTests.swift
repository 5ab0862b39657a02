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

/// A Qwen 3 teacher's hybrid of gated delta nets as a model of Qwen3.5, held against transformers' own
/// class (scripts/goldens/qwen3_5.py); the rest is `scripts/check-huggingface` and `scripts/check-gguf`.
@Suite struct Qwen35ExportTests {
  private let native = NativeExportCase(
    format: .qwen35, golden: "qwen3_5", teacher: "qwen3",
    hybrid: ["mixer": "gated-delta-net", "softmaxLayers": [1]], purpose: "qwen3_5",
    middles: ["norm.weight": 1.0, "dt_bias": -2, "A_log": 0.5])

  @Test func `logits of a hybrid are those of transformers' Qwen3.5`() throws {
    try native.checkLogits()
  }

  @Test func `the folder holds what transformers' Qwen3.5 has to hold, to the bit`() throws {
    try native.checkFolder { configuration, card in
      #expect(configuration["model_type"] == "qwen3_5_text")
      #expect(configuration["architectures"] == ["Qwen3_5ForCausalLM"])
      #expect(configuration["full_attention_interval"] == 2)
      #expect(card.contains("Qwen3.5"))
    }
  }

  @Test func `softmax layers in no period have no interval`() throws {
    try withTemporaryFolder { folder in
      let model = try native.student(
        ["mixer": "gated-delta-net", "softmaxLayers": [0]], in: folder)
      _ = try NativeExport(
        model, as: .qwen35, type: .bfloat16, mergesAdapters: true, shardBytes: 1 << 30
      )
      .run(to: "\(folder)/out")
      let configuration = try DocumentFile("\(folder)/out/config.json").read()
      #expect(configuration["full_attention_interval"] == nil)
      #expect(configuration["layer_types"] == ["full_attention", "linear_attention"])
      #expect(configuration["dtype"] == "bfloat16")
      let tensors = try ModelSource.open("\(folder)/out").tensors
      #expect(tensors.values.allSatisfy { $0.elementType == .bfloat16 })
    }
  }

  @Test func `a number beyond float16 is refused by the name of its tensor`() throws {
    try withTemporaryFolder { folder in
      let model = try native.goldenStudent(in: folder)
      let logarithms = try #require(
        model.decoder.layers[0].mixer.parameters.first { $0.name == "A_log" })
      logarithms.value = Tensor([0, 70_000, 0, 0], [4])
      let error = #expect(throws: ExportError.self) {
        _ = try NativeExport(
          model, as: .qwen35, type: .float16, mergesAdapters: true, shardBytes: 1 << 30
        )
        .run(to: "\(folder)/out")
      }
      #expect(error == .overflow(tensor: "model.layers.0.linear_attn.A_log", value: 70_000))
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/out"))
    }
  }

  @Test(arguments: [nil, "Qwen2Tokenizer"])
  func `the tokenizer's class is named, so that transformers does not take Qwen3.5's`(
    name: String?
  ) throws {
    try withTemporaryFolder { folder in
      for file in ["config.json", "model.safetensors"] {
        try FileManager.default.copyItem(
          atPath: "\(NativeExportCase.teacher("qwen3"))/\(file)", toPath: "\(folder)/\(file)")
      }
      try DocumentFile("\(folder)/tokenizer.json").replace(
        with: TinyCheckpoint.tokenizerDocument.pretty)
      if let name {
        let document: JSONValue = ["tokenizer_class": .string(name), "eos_token": "<end>"]
        try DocumentFile("\(folder)/tokenizer_config.json").replace(with: document.pretty)
      }
      let model = try native.student(of: folder, in: folder)
      _ = try NativeExport(model, as: .qwen35, type: nil, mergesAdapters: true, shardBytes: 1 << 30)
        .run(to: "\(folder)/out")
      let written = try DocumentFile("\(folder)/out/tokenizer_config.json").read()
      #expect(written["tokenizer_class"]?.stringValue == name ?? "PreTrainedTokenizerFast")
      #expect(written["eos_token"]?.stringValue == (name == nil ? nil : "<end>"))
    }
  }

  /// What llama.cpp's loader asks for, with its extents in the file's order reversed.
  @Test func `a GGUF file has the tensors and keys of qwen35`() throws {
    try withTemporaryFolder { folder in
      let model = try native.goldenStudent(in: folder)
      try GGUFExport(model, type: .f32, mergesAdapters: true).run(to: "\(folder)/out.gguf")
      let file = try ModelSource.open("\(folder)/out.gguf")
      let expected: [String: [Int]] = [
        "attn_norm.weight": [32], "post_attention_norm.weight": [32], "ffn_gate.weight": [40, 32],
        "ffn_up.weight": [40, 32], "ffn_down.weight": [32, 40], "attn_qkv.weight": [192, 32],
        "attn_gate.weight": [64, 32], "ssm_conv1d.weight": [192, 4], "ssm_dt.bias": [4],
        "ssm_a": [4], "ssm_alpha.weight": [4, 32], "ssm_beta.weight": [4, 32],
        "ssm_norm.weight": [16], "ssm_out.weight": [32, 64],
      ]
      let linear = file.tensors.filter { $0.key.hasPrefix("blk.0.") }
      #expect(Set(linear.keys) == Set(expected.keys.map { "blk.0.\($0)" }))
      for (name, shape) in expected { #expect(linear["blk.0.\(name)"]?.shape == shape, "\(name)") }
      #expect(file.tensors["blk.1.attn_q.weight"]?.shape == [128, 32])
      #expect(file.tensors["blk.1.attn_q_norm.weight"]?.shape == [16])
      let parameters = model.decoder.layers[0].mixer.parameters
      let logarithms = try #require(parameters.first { $0.name == "A_log" }).value.elements
      let rates = try #require(linear["blk.0.ssm_a"]).widened().elements
      for (rate, logarithm) in zip(rates, logarithms) {
        #expect(abs(Double(rate) + exp(Double(logarithm))) < 1e-6)
      }
      let keys: [String: JSONValue] = [
        "attention.recurrent_layers": [true, false], "full_attention_interval": 2,
        "rope.dimension_sections": [3, 3, 2, 0], "rope.dimension_count": 16,
        "ssm.conv_kernel": 4, "ssm.state_size": 16, "ssm.group_count": 4,
        "ssm.time_step_rank": 4, "ssm.inner_size": 64, "attention.head_count_kv": 2,
      ]
      for (key, value) in keys { #expect(file.metadata["qwen35.\(key)"] == value, "\(key)") }
    }
  }

  private static let refusals: [(student: JSONValue, merge: Bool, words: [String])] = [
    (
      ["mixer": "gated-delta-net"], true,
      ["no layer that kept softmax", "without which they stop", "at least one layer, \"every 4\""]
    ),
    (
      ["mixer": "rad-rwkv7", "softmaxLayers": [0]], true,
      ["the mixer rad-rwkv7", "gated-delta-net"]
    ),
    (
      ["mixer": "gated-delta-net", "softmaxLayers": [0]], false,
      ["adapters beside their projections", "--merge"]
    ),
  ]

  @Test(arguments: refusals.indices)
  func `what Qwen3.5 does not have is refused by name, and nothing is written`(index: Int) throws {
    let (document, merge, words) = Self.refusals[index]
    try withTemporaryFolder { folder in
      let model = try native.student(document, in: folder)
      let before = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      let error = #expect(throws: ExportError.self) {
        try NativeExport(model, as: .qwen35, type: nil, mergesAdapters: merge, shardBytes: 1 << 30)
          .run(to: "\(folder)/out")
      }
      for word in words { #expect(error?.description.contains(word) == true, "\(word): \(error!)") }
      #expect(error?.exitCode == .usage)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == before)
    }
  }

  @Test func `a teacher whose softmax layers Qwen3.5 does not have is refused`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let model = try native.student(of: folder, in: folder)
      let error = #expect(throws: ExportError.self) {
        _ = try NativeExport(
          model, as: .qwen35, type: nil, mergesAdapters: true, shardBytes: 1 << 30
        )
        .run(to: "\(folder)/out")
      }
      for words in ["no norm of every head of queries and keys", "epsilon 1e-05", "as in qwen3"] {
        #expect(error?.description.contains(words) == true, "\(words): \(error!)")
      }
    }
  }
}
