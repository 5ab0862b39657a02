import Checkpoints
import Documents
import Foundation
import TensorCore
import Testing

@testable import Transformers

struct GGUFLayoutTests {
  @Test(arguments: ["llama", "qwen2", "qwen3", "gpt2", "gptneox"])
  func `A converted model gives its own tensors back, row by row`(architecture: String) throws {
    let model = try Self.open("\(architecture).gguf")
    let original = try SafetensorsFile(Self.path("\(architecture).safetensors"))
    #expect(Set(model.tensors.keys) == Set(original.tensors.map(\.name)))
    let isTransposed = model.configuration["linearize_conv1d_transposed"]?.boolValue ?? false
    #expect(isTransposed == (architecture == "gpt2"))
    for description in original.tensors {
      var expected = try original.stored(description).widened()
      if isTransposed, description.name.contains(".c_"), description.name.hasSuffix(".weight") {
        expected = transposed(expected)
      }
      let found = try #require(model.tensors[description.name]).widened()
      #expect(found.shape == expected.shape, "\(description.name)")
      #expect(found.elements == expected.elements, "\(description.name)")
    }
  }

  @Test func `Metadata become the configuration that Hugging Face writes`() throws {
    let llama: JSONValue = [
      "model_type": "llama", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
      "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 64, "hidden_act": "silu",
      "rms_norm_eps": 1e-5, "max_position_embeddings": 128, "rope_theta": 1e5,
      "attention_bias": true, "mlp_bias": false, "vocab_size": 24, "tie_word_embeddings": false,
      "bos_token_id": 1, "eos_token_id": 2,
    ]
    #expect(try configuration("llama") == llama)
    let qwen2 = try configuration("qwen2")
    #expect(qwen2["model_type"] == "qwen2")
    #expect(qwen2["tie_word_embeddings"] == true)
    let qwen3 = try configuration("qwen3")
    #expect(qwen3["head_dim"] == 16)
    let gpt2: JSONValue = [
      "model_type": "gpt2", "n_embd": 32, "n_layer": 1, "n_head": 4, "n_inner": 128,
      "n_positions": 16, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
      "linearize_conv1d_transposed": true, "vocab_size": 24, "tie_word_embeddings": true,
      "bos_token_id": 1, "eos_token_id": 2,
    ]
    #expect(try configuration("gpt2") == gpt2)
    let neoX: JSONValue = [
      "model_type": "gpt_neox", "hidden_size": 32, "num_hidden_layers": 1,
      "num_attention_heads": 4, "intermediate_size": 128, "max_position_embeddings": 64,
      "layer_norm_eps": 1e-5, "hidden_act": "gelu", "rotary_emb_base": .number(10_000),
      "rotary_pct": 0.25, "use_parallel_residual": true, "vocab_size": 24,
      "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2,
    ]
    #expect(try configuration("gptneox") == neoX)
  }

  @Test func `Llama.cpp's divisors of frequencies become the scaling that they were computed from`()
    throws
  {
    let cases = try JSONValue(
      parsing: try Data(contentsOf: URL(fileURLWithPath: Self.path("rope-factors.json"))))
    for golden in cases.arrayValue ?? [] {
      let factors = golden["factors"]?.arrayValue?.compactMap(\.doubleValue).map(Float.init) ?? []
      let headDim = try #require(golden["head_dim"]?.intValue)
      let theta = try #require(golden["rope_theta"]?.doubleValue)
      let scaling = try #require(
        RopeFactors.scaling(of: factors, headDim: headDim, theta: theta))
      #expect(scaling["rope_type"] == "llama3")
      for key in ["factor", "low_freq_factor", "high_freq_factor"] {
        #expect(scaling[key]?.doubleValue == golden[key]?.doubleValue)
      }
      let original = "original_max_position_embeddings"
      #expect(scaling[original]?.intValue == golden[original]?.intValue)
      var wrong = factors
      wrong[headDim / 4] *= 1.01
      #expect(RopeFactors.scaling(of: wrong, headDim: headDim, theta: theta) == nil)
      #expect(
        RopeFactors.scaling(of: Array(factors.dropLast()), headDim: headDim, theta: theta) == nil)
    }
    #expect(cases.arrayValue?.count == 2)
    let ones = [Float](repeating: 1, count: 4)
    #expect(RopeFactors.scaling(of: ones, headDim: 8, theta: 10_000) == JSONObject())
  }

  @Test func `Everything that does not fit an architecture is listed at once`() throws {
    let metadata: JSONValue = [
      "general.architecture": "llama", "llama.attention.head_count": 3,
      "llama.block_count": "two", "llama.expert_count": 8,
    ]
    let tensors = [
      "blk.0.attn_q.weight": StoredTensor(Tensor(zeros: [4, 1])),
      "blk.0.ffn_gate_exps.weight": StoredTensor(Tensor(zeros: [4])),
      "rope_freqs.weight": StoredTensor(Tensor(zeros: [4])),
    ]
    let error = try #require(throws: ModelError.self) { try translate(metadata, tensors) }
    #expect(error.exitCode == .badData)
    for words in [
      "llama.block_count: found the string \"two\", expected a positive integer",
      "llama.embedding_length: found nothing", "llama.expert_count: found the integer 8",
      "tensor token_embd.weight: found no such matrix",
      "tensor blk.0.ffn_gate_exps.weight: found [4] of F32",
      "tensor blk.0.attn_q.weight: found the shape [4, 1], expected rows that divide evenly among 3",
      "tensor rope_freqs.weight: found 4 divisors",
    ] {
      #expect(
        error.problems.contains { $0.hasPrefix(words) }, "\(error.problems) lacks \(words)")
    }
  }

  @Test func `An unknown architecture is refused with those that are known`() throws {
    let error = try #require(throws: ModelError.self) {
      try translate(["general.architecture": "mamba"], [:])
    }
    #expect(error.problems.count == 1)
    #expect(
      error.problems[0].hasPrefix(
        "general.architecture: found \"mamba\", expected one of llama, qwen2, qwen3, gpt2, gptneox")
    )
    #expect(error.problems[0].hasSuffix("; this architecture is not supported"))
    let unnamed = try #require(throws: ModelError.self) { try translate([:], [:]) }
    #expect(unnamed.description.contains("general.architecture: found nothing"))
  }

  @Test func `Families that share an architecture are told apart by their window`() throws {
    let file = try ModelSource.open(Self.path("llama.gguf"))
    var metadata = try #require(file.metadata.objectValue)
    metadata["llama.attention.sliding_window"] = 7
    let mistral = try translate(.object(metadata), file.tensors)
    #expect(mistral.configuration["model_type"] == "mistral")
    #expect(mistral.configuration["sliding_window"] == 7)
  }

  private typealias Translated = (configuration: JSONValue, tensors: [String: StoredTensor])

  private func configuration(_ architecture: String) throws -> JSONValue {
    try Self.open("\(architecture).gguf").configuration
  }

  private static func open(_ name: String) throws -> Translated {
    let file = try ModelSource.open(path(name))
    return try TeacherFamilies.translated(
      gguf: file.metadata, tensors: file.tensors, location: name)
  }

  private func translate(
    _ metadata: JSONValue, _ tensors: [String: StoredTensor]
  ) throws -> Translated {
    try TeacherFamilies.translated(gguf: metadata, tensors: tensors, location: "model.gguf")
  }

  /// Files that the readers of checkpoints are tested with.
  private static func path(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("CheckpointsTests/Goldens/gguf")
      .appendingPathComponent(name).path
  }

  private func transposed(_ matrix: Tensor) -> Tensor {
    let (rows, columns) = (matrix.shape[0], matrix.shape[1])
    let elements = matrix.elements
    return Tensor(
      (0..<(rows * columns)).map { elements[$0 % rows * columns + $0 / rows] }, [columns, rows])
  }
}
