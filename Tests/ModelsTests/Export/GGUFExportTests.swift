import Checkpoints
import Corpus
import Differentiation
import Documents
import Foundation
import ModelsTestSupport
import Operations
import Students
import TensorCore
import TestSupport
import Testing
import Transformers

@testable import Models

/// What of GGUF files can be proved without llama.cpp; the rest is `scripts/check-gguf`.
@Suite struct GGUFExportTests {
  private let tokens: [Int32] = [1, 7, 3, 9, 30, 2, 2, 11, 5, 17, 21, 33]

  private func logits(_ model: LoadedModel) -> [Float] {
    let hidden = model.decoder.hiddenStates(
      tokens, layout: SequenceLayout(length: tokens.count), on: Tape(isRecording: false))
    return model.decoder.logits(hidden.value).elements
  }

  private func student(
    _ student: JSONValue, of teacher: (configuration: JSONValue, shapes: [String: Shape]),
    in folder: String
  ) throws -> LoadedModel {
    try TinyCheckpoint.write(teacher, to: folder)
    let path = "\(folder)/student.h5"
    try TinyCheckpoint.writeStudent(of: folder, to: path, student: student)
    return try LoadedModel.open(path)
  }

  private func export(
    _ model: LoadedModel, to path: String, type: GGUFType? = nil, merge: Bool = true
  ) throws {
    try GGUFExport(model, type: type, mergesAdapters: merge).run(to: path)
  }

  @Test(arguments: [GGUFType.f32, .bf16, .q8_0])
  func `A teacher's file is a teacher again, tokenizer included`(type: GGUFType) throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let teacher = try LoadedModel.open(folder)
      let path = "\(folder)/out/teacher.gguf"
      try export(teacher, to: path, type: type)
      let again = try LoadedModel.open(path)
      let bound = type == .f32 ? 1e-6 : 0.02
      #expect(relativeRMS(logits(again), logits(teacher).map(Double.init)) < bound)
      let found = try again.requireTokenizer()
      let expected = try teacher.requireTokenizer()
      for text in ["the cat 42", "<end>then the<end>"] {
        #expect(found.encode(text) == expected.encode(text))
      }
      #expect(found.endOfText == expected.endOfText)
      #expect(again.source.metadata["general.file_type"]?.intValue == type.number)
    }
  }

  @Test func `A file exported again as it is stored has the same tensors and tokenizer`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let first = "\(folder)/first.gguf"
      let second = "\(folder)/second.gguf"
      try export(try LoadedModel.open(folder), to: first, type: .q8_0)
      try export(try LoadedModel.open(first), to: second)
      let (a, b) = (try ModelSource.open(first), try ModelSource.open(second))
      #expect(a.descriptions.map(\.type) == b.descriptions.map(\.type))
      for (name, tensor) in a.tensors {
        #expect(b.tensors[name]?.widened().elements == tensor.widened().elements, "\(name)")
      }
      let tokenizer = { (source: ModelSource) in
        source.metadata.objectValue?.members.filter { $0.key.hasPrefix("tokenizer.") }.map {
          "\($0.key) \($0.value.compact)"
        }
      }
      #expect(tokenizer(a) == tokenizer(b))
    }
  }

  @Test func `A student that kept its softmax is its teacher's architecture, adapters merged`()
    throws
  {
    try withTemporaryFolder { folder in
      let kept: JSONValue = ["mixer": "linear", "softmaxLayers": [0, 1]]
      let model = try student(kept, of: TinyCheckpoint.llama(), in: folder)
      let expected = logits(model).map(Double.init)
      try export(model, to: "\(folder)/merged.gguf", type: .f32)
      let again = try LoadedModel.open("\(folder)/merged.gguf")
      #expect(relativeRMS(logits(again), expected) < 1e-5)
      #expect(again.source.metadata["general.architecture"] == "llama")
    }
  }

  /// What llama.cpp's loader asks for, with its extents in the file's order reversed.
  @Test func `RAD-RWKV6 has the tensors and keys of rwkv6qwen2`() throws {
    try withTemporaryFolder { folder in
      let options: JSONValue = ["mixer": "rad-rwkv6", "tokenShiftRank": 3, "decayRank": 2]
      let model = try student(options, of: TinyCheckpoint.llama(), in: folder)
      try export(model, to: "\(folder)/student.gguf", type: .f32)
      let file = try ModelSource.open("\(folder)/student.gguf")
      let expected: [String: [Int]] = [
        "attn_norm.weight": [16], "ffn_norm.weight": [16], "ffn_gate.weight": [24, 16],
        "ffn_up.weight": [24, 16], "ffn_down.weight": [16, 24],
        "time_mix_receptance.weight": [16, 16], "time_mix_key.weight": [8, 16],
        "time_mix_value.weight": [8, 16], "time_mix_output.weight": [16, 16],
        "time_mix_gate.weight": [16, 16], "time_mix_w1.weight": [15, 16],
        "time_mix_w2.weight": [5, 16, 3], "time_mix_lerp_x.weight": [1, 1, 16],
        "time_mix_lerp_fused.weight": [5, 1, 1, 16], "time_mix_decay.weight": [16],
        "time_mix_decay_w1.weight": [2, 16], "time_mix_decay_w2.weight": [16, 2],
      ]
      let prefix = "blk.1."
      let found = file.tensors.filter { $0.key.hasPrefix(prefix) }
      #expect(Set(found.keys) == Set(expected.keys.map { prefix + $0 }))
      for (name, shape) in expected { #expect(found[prefix + name]?.shape == shape, "\(name)") }
      #expect(file.tensors["output.weight"]?.shape == [40, 16])
      let keys: [String: Int] = [
        "attention.head_count": 0, "attention.head_count_kv": 1, "wkv.head_size": 8,
        "time_mix_extra_dim": 3, "time_decay_extra_dim": 2, "token_shift_count": 1,
      ]
      for (key, value) in keys {
        #expect(file.metadata["rwkv6qwen2.\(key)"]?.intValue == value, "\(key)")
      }
      // The third mix in the file is of values, in this program the third as well; the first is of
      // decays, here the fourth.
      let parameters = Dictionary(
        uniqueKeysWithValues: model.decoder.layers[1].parameters.map { ($0.name, $0.value) })
      let first = try #require(file.tensors["\(prefix)time_mix_w1.weight"]?.widened().elements)
      let own = try #require(parameters["time_maa_w1"])
      #expect(Array(first[..<48]) == Array(transposed(own).elements[9 * 16..<12 * 16]))
      #expect(Array(first[96..<144]) == Array(transposed(own).elements[6 * 16..<9 * 16]))
    }
  }

  @Test func `RAD-RWKV7 repeats keys and values, and scales values for llama.cpp's epsilon`() throws
  {
    try withTemporaryFolder { folder in
      let options: JSONValue = [
        "mixer": "rad-rwkv7", "rotary": false, "balanceState": false, "decayRank": 2,
        "learningRateRank": 3, "valueMixRank": 4, "gateRank": 5,
      ]
      let model = try student(options, of: TinyCheckpoint.llama(headDim: 128), in: folder)
      try export(model, to: "\(folder)/student.gguf", type: .f32)
      let file = try ModelSource.open("\(folder)/student.gguf")
      let attention = model.decoder.weights.blocks[1].attention
      let keys = attention.keys.weight.tensor.elements
      let values = attention.values.weight.tensor.elements
      #expect(
        file.tensors["blk.1.time_mix_key.weight"]?.widened().elements == keys + keys)
      let scale = Float(64.0 / 128).squareRoot()
      #expect(
        file.tensors["blk.1.time_mix_value.weight"]?.widened().elements
          == (values + values).map { $0 * scale })
      #expect(file.tensors["blk.0.time_mix_v1.weight"]?.shape == [3, 256])
      #expect(file.tensors["blk.1.time_mix_v1.weight"]?.shape == [4, 256])
      #expect(file.tensors["blk.1.time_mix_lerp_fused.weight"]?.shape == [6, 1, 1, 256])
      #expect(file.metadata["arwkv7.attention.gate_lora_rank"]?.intValue == 5)
      #expect(file.metadata["arwkv7.attention.value_residual_mix_lora_rank"]?.intValue == 4)
    }
  }

  @Test(arguments: [false, true])
  func `A folder of RAD-RWKV6 with a head of its own says what llama.cpp's converter reads`(
    isTied: Bool
  ) throws {
    try withTemporaryFolder { folder in
      var teacher = TinyCheckpoint.llama()
      if !isTied {
        var object = try #require(teacher.configuration.objectValue)
        object["tie_word_embeddings"] = false
        object["architectures"] = ["LlamaForCausalLM"]
        teacher.configuration = .object(object)
        teacher.shapes["lm_head.weight"] = [40, 16]
      }
      let options: JSONValue = ["mixer": "rad-rwkv6", "tokenShiftRank": 3, "decayRank": 2]
      let model = try student(options, of: teacher, in: folder)
      _ = try ModelExport(model, type: nil, mergesAdapters: true, shardBytes: 1 << 30)
        .run(to: "\(folder)/out")
      let written = try DocumentFile("\(folder)/out/config.json").read()
      #expect(
        written["architectures"] == [isTied ? "LinearizeForCausalLM" : "RWKV6Qwen2ForCausalLM"])
      #expect(written["lora_rank_tokenshift"]?.intValue == (isTied ? nil : 3))
      #expect(written["lora_rank_decay"]?.intValue == (isTied ? nil : 2))
      #expect(written["model_type"] == "linearize")
      // The teacher's configuration is what it was.
      let again = try LoadedModel.open("\(folder)/out")
      #expect(again.source.configuration["lora_rank_decay"] == nil)
      #expect(
        again.source.configuration["architectures"] == teacher.configuration["architectures"])
      #expect(again.source.configuration["num_key_value_heads"] == 1)
    }
  }

  private static let refusals: [(student: JSONValue, merge: Bool, words: [String])] = [
    (["mixer": "linear"], true, ["the mixer linear", "rad-rwkv6, rad-rwkv7"]),
    (["mixer": "terrace-window", "windowSize": 4], true, ["the mixer terrace-window"]),
    (["mixer": "linear"], false, ["the mixer linear", "adapters beside their projections"]),
    (["mixer": "rad-rwkv6", "rotary": true], true, ["rotary true", "rotary false"]),
    (
      ["mixer": "rad-rwkv6", "balanceState": false, "groupNorm": true], true,
      ["balanceState false", "groupNorm true", "groupNorm false"]
    ),
    (["mixer": "rad-rwkv6", "gateRankType": 2], true, ["gateRankType 2"]),
    (["mixer": "rad-rwkv6"], false, ["adapters beside their projections", "--merge"]),
    (["mixer": "rad-rwkv7"], true, ["rotary true", "balanceState true"]),
    (
      ["mixer": "rad-rwkv7", "rotary": false, "balanceState": false], true,
      ["heads of 8,", "heads of 64 or a multiple; or rad-rwkv6"]
    ),
    (["mixer": "rad-rwkv6", "softmaxLayers": [1]], true, ["softmax in the layers 1"]),
  ]

  @Test(arguments: refusals.indices)
  func `What llama.cpp has no code for is refused by name, and nothing is written`(index: Int)
    throws
  {
    let (document, merge, words) = Self.refusals[index]
    try withTemporaryFolder { folder in
      let model = try student(document, of: TinyCheckpoint.llama(), in: folder)
      let before = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      let error = #expect(throws: ExportError.self) {
        try export(model, to: "\(folder)/deep/out.gguf", merge: merge)
      }
      for word in words { #expect(error?.description.contains(word) == true, "\(word): \(error!)") }
      #expect(error?.exitCode == .usage)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == before)
    }
  }

  @Test func `Teachers whose blocks are not Llama's carry no RAD student`() throws {
    try withTemporaryFolder { folder in
      let model = try student(["mixer": "rad-rwkv6"], of: TinyCheckpoint.gptNeoX(), in: folder)
      let error = #expect(throws: ExportError.self) {
        try export(model, to: "\(folder)/out.gguf")
      }
      for word in ["layer norms", "branches in parallel", "without SwiGLU"] {
        #expect(error?.description.contains(word) == true, "\(word)")
      }
    }
  }

  @Test func `A folder that cannot be made is named`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let error = #expect(throws: ExportError.self) {
        try export(try LoadedModel.open(folder), to: "\(folder)/config.json/deep/out.gguf")
      }
      #expect(error?.description.contains("config.json/deep: cannot create the folder") == true)
      #expect(error?.exitCode == .inputOutput)
    }
  }

  @Test func `A file that is there is left as it is`() throws {
    try withTemporaryFolder { folder in
      try TinyCheckpoint.write(TinyCheckpoint.llama(), to: folder)
      let path = "\(folder)/config.json"
      let before = try DocumentFile(path).read()
      let error = #expect(throws: ExportError.self) {
        try export(try LoadedModel.open(folder), to: path)
      }
      #expect(error?.description.contains("exists") == true)
      #expect(try DocumentFile(path).read() == before)
    }
  }
}
