/// Hugging Face names of the tensors that GGUF renames.
struct GGUFNames {
  /// GGUF's stem before `.weight` or `.bias`, to Hugging Face's.
  let whole: [String: String]
  /// Likewise, after `blk.N.`.
  let block: [String: String]
  /// Before the number of a block in Hugging Face's names.
  let blockPrefix: String

  /// `nil` for tensors of no known place.
  func huggingFace(_ name: String) -> String? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard let suffix = parts.last, suffix == "weight" || suffix == "bias" else { return nil }
    if parts.count == 2 { return whole[parts[0]].map { "\($0).\(suffix)" } }
    guard parts.count == 4, parts[0] == "blk", let layer = Int(parts[1]), layer >= 0,
      String(layer) == parts[1], let stem = block[parts[2]]
    else { return nil }
    return "\(blockPrefix).\(layer).\(stem).\(suffix)"
  }

  /// Tables that are computed from the configuration, not weights.
  static func isIgnorable(_ name: String) -> Bool {
    name.hasPrefix("blk.") && name.hasSuffix(".attn_rot_embd.weight")
      || name.hasSuffix("rotary_emb.inv_freq")
  }

  static let llama = GGUFNames(
    whole: [
      "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
    ],
    block: [
      "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
      "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
      "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
      "attn_k_norm": "self_attn.k_norm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
      "ffn_down": "mlp.down_proj",
    ],
    blockPrefix: "model.layers")

  static let gpt2 = GGUFNames(
    whole: [
      "token_embd": "transformer.wte", "position_embd": "transformer.wpe",
      "output_norm": "transformer.ln_f", "output": "lm_head",
    ],
    block: [
      "attn_norm": "ln_1", "ffn_norm": "ln_2", "attn_qkv": "attn.c_attn",
      "attn_output": "attn.c_proj", "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj",
    ],
    blockPrefix: "transformer.h")

  static let gptNeoX = GGUFNames(
    whole: [
      "token_embd": "gpt_neox.embed_in", "output_norm": "gpt_neox.final_layer_norm",
      "output": "embed_out",
    ],
    block: [
      "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
      "attn_qkv": "attention.query_key_value", "attn_output": "attention.dense",
      "ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h",
    ],
    blockPrefix: "gpt_neox.layers")
}
