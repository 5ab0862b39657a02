import Documents
import Operations

/// OLMo 2 (arXiv 2501.00656): norms behind attention and feed-forward instead of before them, inside
/// of the residual sum, and norms over the whole width of queries and keys.
public enum OLMo2: TeacherFamily {
  public static let modelType = "olmo2"
  public static let summary =
    "OLMo 2: norms behind both branches, and over all queries and keys"

  public static func architecture(_ reader: ConfigurationReader) -> Architecture {
    let configuration = llamaConfiguration(reader, family: modelType)
    let kind = Norm.Kind.rms(epsilon: Float(reader.number("rms_norm_eps", default: 1e-5)))
    let bias: WeightSource.Bias =
      reader.boolean("attention_bias", default: false) ? .required : .none
    let attention = configuration.attention
    return llamaArchitecture(configuration, finalNorm: kind) { source, prefix in
      let norm = { BranchNorms(after: source.norm(prefix, $0, configuration.hiddenSize, kind)) }
      return Block(
        attentionNorms: norm("post_attention_layernorm"),
        attention: source.llamaAttention(
          prefix, configuration,
          queryNorm: source.norm("\(prefix)self_attn.", "q_norm", attention.queryWidth, kind),
          keyNorm: source.norm("\(prefix)self_attn.", "k_norm", attention.keyWidth, kind)
        ) { _ in bias },
        feedForwardNorms: norm("post_feedforward_layernorm"),
        feedForward: source.llamaFeedForward(prefix, configuration) { _ in .none })
    }
  }

  public static func isIgnorable(_ name: String) -> Bool { Llama.isIgnorable(name) }

  public static let gguf: GGUFLayout? = GGUFLayout(
    modelType,
    names: .llama.renaming([
      "post_attention_norm": "post_attention_layernorm",
      "post_ffw_norm": "post_feedforward_layernorm",
    ]), rules: GGUFArchitecture(needsHead: true),
    configuration: { $0.llamaConfiguration(modelType) })
}
