/// Hugging Face names of the tensors that GGUF renames.
struct GGUFNames: Sendable {
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

  /// What a tensor is called in its block, or before all of them.
  static func part(of name: String) -> String {
    let parts = name.split(separator: ".")
    return String(parts.count > 1 ? parts[parts.count - 2] : "")
  }

  /// llama.cpp's divisors of Llama 3's rotary frequencies.
  static let ropeDivisors = "rope_freqs.weight"

  /// Tables that are computed from the configuration, or from which it is made; not weights.
  static func isIgnorable(_ name: String) -> Bool {
    name.hasPrefix("blk.") && name.hasSuffix(".attn_rot_embd.weight")
      || name.hasSuffix("rotary_emb.inv_freq") || name == ropeDivisors
      || name.hasPrefix("rope_factors_")
  }

  /// Of Llama and the families after it.
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

  /// The same but for some stems of blocks.
  func renaming(_ stems: [String: String]) -> GGUFNames {
    GGUFNames(
      whole: whole, block: block.merging(stems) { $1 }, blockPrefix: blockPrefix)
  }
}
