import Documents
import TensorCore
import Transformers

/// A llama with random weights: a function of the seed alone.
func tinyDecoder(seed: UInt64 = 1, layers: Int = 2) throws -> Decoder {
  let configuration: JSONValue = [
    "model_type": "llama", "hidden_size": 16, "num_hidden_layers": .integer(layers),
    "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 8, "intermediate_size": 24, "hidden_act": "silu",
    "rms_norm_eps": 1e-5, "max_position_embeddings": 64, "rope_theta": 10000.0,
    "vocab_size": 40, "tie_word_embeddings": true,
  ]
  var tensors: [String: StoredTensor] = [:]
  let add = { (name: String, shape: Shape) in
    var generator = SeededGenerator(seed: seed, purpose: name)
    let range: ClosedRange<Float> = shape.rank == 1 ? 0.5...1.5 : -0.5...0.5
    tensors[name] = StoredTensor(Tensor.uniform(shape, in: range, using: &generator))
  }
  add("model.embed_tokens.weight", [40, 16])
  add("model.norm.weight", [16])
  for layer in 0..<layers {
    let prefix = "model.layers.\(layer)"
    add("\(prefix).input_layernorm.weight", [16])
    add("\(prefix).post_attention_layernorm.weight", [16])
    add("\(prefix).self_attn.q_proj.weight", [16, 16])
    add("\(prefix).self_attn.k_proj.weight", [8, 16])
    add("\(prefix).self_attn.v_proj.weight", [8, 16])
    add("\(prefix).self_attn.o_proj.weight", [16, 16])
    add("\(prefix).mlp.gate_proj.weight", [24, 16])
    add("\(prefix).mlp.up_proj.weight", [24, 16])
    add("\(prefix).mlp.down_proj.weight", [16, 24])
  }
  return try Decoder(configuration: configuration, tensors: tensors, location: "tiny")
}

/// Ids below 40: a function of the seed alone.
func randomTokens(_ count: Int, seed: UInt64) -> [Int32] {
  var generator = SeededGenerator(seed: seed, purpose: "tokens")
  return (0..<count).map { _ in Int32(generator.next() % 40) }
}
