import Operations
import TensorCore

/// Llama 1 to 3 and the models of its shape (SmolLM2, TinyLlama): RMS norm, rotary positions,
/// grouped queries, SwiGLU.
public enum Llama: TeacherFamily {
  public static let modelType = "llama"
  public static let summary =
    "Llama 1 to 3, SmolLM2, TinyLlama: grouped queries, SwiGLU, rotary positions"

  public static func architecture(_ reader: ConfigurationReader) -> Architecture {
    llamaArchitecture(reader, llamaConfiguration(reader, family: modelType))
  }

  public static func isIgnorable(_ name: String) -> Bool { name.hasSuffix("rotary_emb.inv_freq") }

  /// Mistral is written as llama; only its window tells them apart.
  public static let gguf: GGUFLayout? = ggufLayout(modelType) {
    !$0.has("attention.sliding_window")
  }

  /// Of the families that llama.cpp has under this name.
  static func ggufLayout(
    _ modelType: String, isMatch: @escaping @Sendable (GGUFMetadata) -> Bool
  ) -> GGUFLayout {
    GGUFLayout(
      "llama", names: .llama,
      rules: GGUFArchitecture(
        rotatesNeighbours: true,
        biases: [
          "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down",
        ], readsDivisors: true),
      configuration: { metadata in
        var document = metadata.llamaConfiguration(modelType)
        if metadata.has("attention.sliding_window") {
          document["sliding_window"] = .integer(metadata.integer("attention.sliding_window"))
        }
        document["attention_bias"] = .bool(metadata.hasTensor("blk.0.attn_q.bias"))
        document["mlp_bias"] = .bool(metadata.hasTensor("blk.0.ffn_up.bias"))
        return document
      }, isMatch: isMatch, restored: unpermuted)
  }

  /// Queries and keys whose rows llama.cpp's converter permutes.
  static func unpermuted(_ part: String, _ tensor: StoredTensor, _ metadata: GGUFMetadata)
    -> StoredTensor?
  {
    switch part {
    case "attn_q": GGUFRows.unpermuted(tensor, heads: metadata.heads)
    case "attn_k": GGUFRows.unpermuted(tensor, heads: metadata.keyValueHeads)
    default: tensor
    }
  }
}

/// What the configurations of Llama and the families after it have in common.
///
/// - Parameters:
///   - keys: of the rotary positions.
///   - defaultKeyValueHeads, defaultHeadDim: of a configuration that says nothing, where the family
///     has another default than one for every query and the hidden size over the heads.
func llamaConfiguration(
  _ reader: ConfigurationReader, family: String, rotary keys: RotaryKeys = RotaryKeys(),
  defaultKeyValueHeads: Int? = nil, defaultHeadDim: Int? = nil
) -> DecoderConfiguration {
  let hiddenSize = reader.integer("hidden_size")
  let layers = reader.layers("num_hidden_layers")
  let attention = reader.attentionShape(
    hiddenSize: hiddenSize, defaultHeadDim: defaultHeadDim,
    defaultKeyValueHeads: defaultKeyValueHeads)
  let activation = reader.activation("hidden_act", default: "silu")
  let rotary = reader.rotary(headDim: attention.headDim, keys)
  return DecoderConfiguration(
    family: family, hiddenSize: hiddenSize, layers: layers, attention: attention,
    intermediateSize: reader.integer("intermediate_size"), feedForward: .gated(activation),
    vocabularySize: reader.integer("vocab_size"),
    maximumPositions: reader.integer("max_position_embeddings"),
    positions: .rotary(Array(repeating: rotary, count: layers)),
    tiesHead: reader.boolean("tie_word_embeddings", default: false))
}

/// Blocks and names that Llama, Mistral and Qwen share. Biases are read where the checkpoint has
/// them, and must be there where the family or its configuration says so: a model without them
/// would run, and be another one.
///
/// - Parameters:
///   - promisedBiases: projections that have a bias in this family, `q_proj` and so on.
///   - normalizesHeads: every head of queries and keys has a norm.
func llamaArchitecture(
  _ reader: ConfigurationReader, _ configuration: DecoderConfiguration,
  promisedBiases: Set<String> = [], normalizesHeads: Bool = false
) -> Architecture {
  var promised = promisedBiases
  if reader.boolean("attention_bias", default: false) {
    promised.formUnion(["q_proj", "k_proj", "v_proj", "o_proj"])
  }
  if reader.boolean("mlp_bias", default: false) {
    promised.formUnion(["gate_proj", "up_proj", "down_proj"])
  }
  let kind = Norm.Kind.rms(epsilon: Float(reader.number("rms_norm_eps", default: 1e-6)))
  let hidden = configuration.hiddenSize
  return llamaArchitecture(configuration, finalNorm: kind) { source, prefix in
    let norm = { source.norm(prefix, $0, hidden, kind) }
    let headNorm = { (name: String) in
      normalizesHeads
        ? source.norm(
          "\(prefix)self_attn.", name, configuration.attention.headDim, kind) : nil
    }
    let bias = { (name: String) in promised.contains(name) ? WeightSource.Bias.required : .found }
    return Block(
      attentionNorms: BranchNorms(before: norm("input_layernorm")),
      attention: source.llamaAttention(
        prefix, configuration, queryNorm: headNorm("q_norm"), keyNorm: headNorm("k_norm"),
        bias: bias),
      feedForwardNorms: BranchNorms(before: norm("post_attention_layernorm")),
      feedForward: source.llamaFeedForward(prefix, configuration, bias: bias))
  }
}

/// A stack of blocks with Llama's names around them.
///
/// - Parameter block: reads one, given its prefix with a dot.
func llamaArchitecture(
  _ configuration: DecoderConfiguration, finalNorm: Norm.Kind,
  block: @escaping (_ source: WeightSource, _ prefix: String) -> Block
) -> Architecture {
  Architecture(configuration) { source in
    let blocks = (0..<configuration.layers).map { block(source, "model.layers.\($0).") }
    let embedding = source.stored(
      "model.embed_tokens.weight", [configuration.vocabularySize, configuration.hiddenSize])
    return DecoderWeights(
      embedding: embedding, blocks: blocks,
      finalNorm: source.norm("model.", "norm", configuration.hiddenSize, finalNorm),
      head: source.head("lm_head.weight", embedding: embedding, configuration))
  }
}

extension WeightSource {
  /// - Parameter bias: of the projection of this name.
  func llamaAttention(
    _ prefix: String, _ configuration: DecoderConfiguration, queryNorm: Norm? = nil,
    keyNorm: Norm? = nil, bias: @escaping (String) -> Bias
  ) -> AttentionProjections {
    let (hidden, attention) = (configuration.hiddenSize, configuration.attention)
    let projection = { (name: String, outputs: Int, inputs: Int) in
      self.projection("\(prefix)self_attn.\(name)", outputs, inputs, bias: bias(name))
    }
    return AttentionProjections(
      queries: projection("q_proj", attention.queryWidth, hidden),
      keys: projection("k_proj", attention.keyWidth, hidden),
      values: projection("v_proj", attention.keyWidth, hidden),
      output: projection("o_proj", hidden, attention.queryWidth), queryNorm: queryNorm,
      keyNorm: keyNorm)
  }

  /// - Parameter bias: of the projection of this name.
  func llamaFeedForward(
    _ prefix: String, _ configuration: DecoderConfiguration, bias: @escaping (String) -> Bias
  ) -> FeedForward {
    let (hidden, intermediate) = (configuration.hiddenSize, configuration.intermediateSize)
    let projection = { (name: String, outputs: Int, inputs: Int) in
      self.projection("\(prefix)mlp.\(name)", outputs, inputs, bias: bias(name))
    }
    return .gated(
      configuration.feedForward.activation,
      gate: projection("gate_proj", intermediate, hidden),
      up: projection("up_proj", intermediate, hidden),
      down: projection("down_proj", hidden, intermediate))
  }
}
