import Documents
import Foundation
import TensorCore
import Testing

@testable import Checkpoints

struct GGUFModelTests {
  @Test(arguments: ["llama", "qwen2", "qwen3", "gpt2", "gptneox"])
  func `A converted model gives its own tensors back, row by row`(architecture: String) throws {
    let model = try ModelSource.open(Goldens.path("gguf/\(architecture).gguf"))
    let original = try SafetensorsFile(Goldens.path("gguf/\(architecture).safetensors"))
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

  @Test func `The tokenizer's keys come with the model`() throws {
    let model = try ModelSource.open(Goldens.path("gguf/llama.gguf"))
    guard case .gguf(let metadata) = model.tokenizer else {
      Issue.record("\(String(describing: model.tokenizer))")
      return
    }
    #expect(metadata["tokenizer.ggml.tokens"] == ["a", "b", "é"])
    #expect(metadata["general.architecture"] == nil)
  }

  @Test func `Llama.cpp's divisors of frequencies become the scaling that they were computed from`()
    throws
  {
    let cases = try JSONValue(parsing: try Goldens.bytes("gguf/rope-factors.json"))
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
    var builder = GGUFBuilder()
    builder.keys = [
      ("general.architecture", .string("llama")), ("llama.attention.head_count", .uint32(3)),
      ("llama.block_count", .string("two")), ("llama.expert_count", .uint32(8)),
    ]
    let floats = GGUFBuilder.floats([0, 0, 0, 0])
    builder.tensors = [
      .init(name: "blk.0.attn_q.weight", dimensions: [1, 4], bytes: floats),
      .init(name: "blk.0.ffn_gate_exps.weight", dimensions: [4], bytes: floats),
      .init(name: "rope_freqs.weight", dimensions: [4], bytes: floats),
    ]
    let error = try #require(throws: CheckpointError.self) { try open(builder) }
    #expect(error.exitCode == .badData)
    for words in [
      "llama.block_count: found the string \"two\", expected a positive integer",
      "llama.embedding_length: found nothing", "llama.expert_count: found the integer 8",
      "tensor token_embd.weight: found no such matrix",
      "tensor blk.0.ffn_gate_exps.weight: found [4] of F32",
      "tensor blk.0.attn_q.weight: found the shape [4, 1], expected rows that divide evenly among 3",
      "tensor rope_freqs.weight: found 4 divisors",
    ] {
      #expect(error.description.contains(words), "\(error) lacks \(words)")
    }
  }

  @Test func `An unknown architecture is refused with those that are known`() throws {
    var builder = GGUFBuilder()
    builder.keys = [("general.architecture", .string("mamba"))]
    let error = try #require(throws: CheckpointError.self) { try open(builder) }
    #expect(
      error.problems == [
        .init(
          "general.architecture", found: "\"mamba\"",
          expected: "one of llama, qwen2, qwen3, gpt2, gptneox")
      ])
    let unnamed = try #require(throws: CheckpointError.self) { try open(GGUFBuilder()) }
    #expect(unnamed.description.contains("general.architecture: found nothing"))
  }

  private func configuration(_ architecture: String) throws -> JSONValue {
    try ModelSource.open(Goldens.path("gguf/\(architecture).gguf")).configuration
  }

  private func open(_ builder: GGUFBuilder) throws -> ModelSource {
    let folder = try TemporaryFolder()
    let path = folder.file("model.gguf")
    try write(builder.bytes, to: path)
    return try ModelSource.open(path)
  }

  private func transposed(_ matrix: Tensor) -> Tensor {
    let (rows, columns) = (matrix.shape[0], matrix.shape[1])
    let elements = matrix.elements
    return Tensor(
      (0..<(rows * columns)).map { elements[$0 % rows * columns + $0 / rows] }, [columns, rows])
  }
}
