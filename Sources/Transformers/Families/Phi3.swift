import Documents
import Operations
import TensorCore

/// Phi-3 and Phi-3.5 (arXiv 2404.14219): Llama's blocks with queries, keys and values in one
/// projection, gate and up in another. The models of 128k tokens divide their rotary frequencies by
/// one list of factors in short sequences and by another in long ones (LongRoPE, arXiv 2402.13753).
public enum Phi3: TeacherFamily {
  public static let modelType = "phi3"
  public static let summary =
    "Phi-3 and Phi-3.5, 4k and 128k: Llama with fused projections, LongRoPE"

  public static func architecture(_ reader: ConfigurationReader) -> Architecture {
    var configuration = llamaConfiguration(
      reader, family: modelType,
      rotary: RotaryKeys(
        takesFraction: true, defaultOriginalContext: 4096,
        aliases: ["su": "longrope", "yarn": "longrope"]))
    let window = reader.optionalInteger("sliding_window")
    configuration.slidingWindows = configuration.slidingWindows.map { _ in window }
    let (hidden, intermediate) = (configuration.hiddenSize, configuration.intermediateSize)
    let (attention, activation) = (configuration.attention, configuration.feedForward.activation)
    let kind = Norm.Kind.rms(epsilon: Float(reader.number("rms_norm_eps", default: 1e-5)))
    return llamaArchitecture(configuration, finalNorm: kind) { source, prefix in
      let norm = { BranchNorms(before: source.norm(prefix, $0, hidden, kind)) }
      let fused = source.fusedProjections(
        "\(prefix)self_attn.qkv_proj",
        rows: [attention.queryWidth, attention.keyWidth, attention.keyWidth], inputs: hidden)
      let gateAndUp = source.fusedProjections(
        "\(prefix)mlp.gate_up_proj", rows: [intermediate, intermediate], inputs: hidden)
      return Block(
        attentionNorms: norm("input_layernorm"),
        attention: AttentionProjections(
          queries: fused[0], keys: fused[1], values: fused[2],
          output: source.projection("\(prefix)self_attn.o_proj", hidden, attention.queryWidth)),
        feedForwardNorms: norm("post_attention_layernorm"),
        feedForward: .gated(
          activation, gate: gateAndUp[0], up: gateAndUp[1],
          down: source.projection("\(prefix)mlp.down_proj", hidden, intermediate)))
    }
  }

  public static func isIgnorable(_ name: String) -> Bool { Llama.isIgnorable(name) }

  /// Fused projections stay fused; factors of frequencies are tensors.
  public static let gguf: GGUFLayout? = GGUFLayout(
    modelType,
    names: .llama.renaming(["attn_qkv": "self_attn.qkv_proj", "ffn_up": "mlp.gate_up_proj"]),
    rules: GGUFArchitecture(fusesProjections: true, fusesGate: true, readsLongFactors: true),
    configuration: { metadata in
      var document = metadata.llamaConfiguration(modelType)
      // 0 stands for none.
      if let window = metadata.value("attention.sliding_window")?.intValue, window != 0 {
        document["sliding_window"] = .integer(metadata.integer("attention.sliding_window"))
      }
      if metadata.has("rope.scaling.original_context_length") {
        document["original_max_position_embeddings"] = .integer(
          metadata.integer("rope.scaling.original_context_length"))
      }
      let factors = { (kind: String) -> JSONValue? in
        metadata.tensors["rope_factors_\(kind).weight"].map {
          .array($0.numbers.map { .number(Double($0)) })
        }
      }
      if let short = factors("short"), let long = factors("long") {
        var scaling = JSONObject([
          ("type", "longrope"), ("short_factor", short), ("long_factor", long),
        ])
        if metadata.has("rope.scaling.attn_factor") {
          scaling["attention_factor"] = .number(metadata.number("rope.scaling.attn_factor"))
        }
        document["rope_scaling"] = .object(scaling)
      }
      return document
    })
}
