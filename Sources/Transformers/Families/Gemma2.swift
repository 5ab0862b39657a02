import Documents
import Operations
import TensorCore

/// Gemma 2 (arXiv 2408.00118): norms before and behind both branches, whose weights are differences
/// from 1, soft caps on attention scores and logits, a sliding window on every other layer, scaled
/// embeddings, a feed-forward network gated with GELU.
public enum Gemma2: TeacherFamily {
  public static let modelType = "gemma2"
  public static let summary =
    "Gemma 2: four norms a block, soft caps, a sliding window on every other layer"

  public static func architecture(_ reader: ConfigurationReader) -> Architecture {
    let configuration = gemmaConfiguration(
      reader, family: modelType, defaultCaps: (attention: 50, logits: 30), windowPattern: 2
    ) { headDim in
      let rotary = reader.rotary(headDim: headDim)
      return (rotary, rotary)
    }
    return gemmaArchitecture(reader, configuration)
  }

  public static func isIgnorable(_ name: String) -> Bool { Llama.isIgnorable(name) }

  public static let gguf: GGUFLayout? = GGUFLayout(
    modelType, names: gemmaNames,
    rules: GGUFArchitecture(
      activations: [.geluTanh], windowPeriod: 2, readsCaps: (scores: true, logits: true),
      scalesEmbeddings: true, unusuallyScaled: 46),
    configuration: { metadata in
      var document = gemmaDocument(metadata, modelType: modelType, largestModel: 46)
      for (key, name) in [
        ("attn_logit_softcapping", "attn_logit_softcapping"),
        ("final_logit_softcapping", "final_logit_softcapping"),
      ] where metadata.has(name) {
        document[key] = .number(metadata.number(name))
      }
      return document
    }, restored: withoutOne)

  /// llama.cpp stores norms with their 1.
  static func withoutOne(_ part: String, _ tensor: StoredTensor, _ metadata: GGUFMetadata)
    -> StoredTensor?
  {
    part.hasSuffix("norm")
      ? StoredTensor(affine(tensor.widened(), scale: 1, offset: -1)) : tensor
  }
}

/// What the configurations of Gemma 2 and 3 have in common.
///
/// - Parameters:
///   - defaultCaps: of a configuration that says nothing; null says none.
///   - windowPattern: one layer in so many sees all keys, where `layer_types` does not say which.
///   - rotary: of layers that see all keys, and of those with a window.
func gemmaConfiguration(
  _ reader: ConfigurationReader, family: String,
  defaultCaps: (attention: Double?, logits: Double?), windowPattern: Int,
  rotary: (_ headDim: Int) -> (global: RotaryEmbedding, local: RotaryEmbedding)
) -> DecoderConfiguration {
  let hidden = reader.integer("hidden_size")
  let layers = reader.layers("num_hidden_layers")
  let heads = reader.attentionShape(
    hiddenSize: hidden, defaultHeadDim: 256, defaultKeyValueHeads: 4)
  let cap = { (key: String, fallback: Double?) -> Float? in
    if reader.isNull(key) { return nil }
    return reader.has(key) ? Float(reader.number(key)) : fallback.map { Float($0) }
  }
  if reader.boolean("use_bidirectional_attention", default: false) {
    reader.report("use_bidirectional_attention is not supported: Gemma is read as a decoder")
  }
  let scalar = reader.number("query_pre_attn_scalar", default: 256)
  let attention = AttentionShape(
    queryHeads: heads.queryHeads, keyValueHeads: heads.keyValueHeads, headDim: heads.headDim,
    scale: Float(1 / scalar.squareRoot()),
    softCap: cap("attn_logit_softcapping", defaultCaps.attention))
  let activation = reader.activation("hidden_activation", default: "gelu_pytorch_tanh")
  let (global, local) = rotary(attention.headDim)
  if reader.isNull("sliding_window") {
    reader.report("sliding_window is null, expected a number of keys: some layers have a window")
  }
  let window = reader.integer("sliding_window", default: 4096)
  let pattern = reader.integer("sliding_window_pattern", default: windowPattern)
  let isSliding =
    reader.layerTypes(layers)?.map { $0 == "sliding_attention" }
    ?? (0..<layers).map { ($0 + 1) % pattern != 0 }
  return DecoderConfiguration(
    family: family, hiddenSize: hidden, layers: layers, attention: attention,
    intermediateSize: reader.integer("intermediate_size"), feedForward: .gated(activation),
    vocabularySize: reader.integer("vocab_size"),
    maximumPositions: reader.integer("max_position_embeddings"),
    positions: .rotary(isSliding.map { $0 ? local : global }),
    slidingWindows: isSliding.map { $0 ? window : nil },
    tiesHead: reader.boolean("tie_word_embeddings", default: true),
    logits: ScoreTransform(cap: cap("final_logit_softcapping", defaultCaps.logits)),
    // transformers rounds the factor to the type of the weights; here that is 32-bit floats.
    embeddingScale: Float(Double(hidden).squareRoot()))
}

/// Blocks and names that Gemma 2 and 3 share.
///
/// - Parameter normalizesHeads: every head of queries and keys has a norm.
func gemmaArchitecture(
  _ reader: ConfigurationReader, _ configuration: DecoderConfiguration,
  normalizesHeads: Bool = false
) -> Architecture {
  let kind = Norm.Kind.rms(
    epsilon: Float(reader.number("rms_norm_eps", default: 1e-6)), offset: 1)
  let bias: WeightSource.Bias =
    reader.boolean("attention_bias", default: false) ? .required : .none
  let hidden = configuration.hiddenSize
  return llamaArchitecture(configuration, finalNorm: kind) { source, prefix in
    let norm = { source.norm(prefix, $0, hidden, kind) }
    let headNorm = { (name: String) in
      normalizesHeads
        ? source.norm(
          "\(prefix)self_attn.", name, configuration.attention.headDim, kind) : nil
    }
    return Block(
      attentionNorms: BranchNorms(
        before: norm("input_layernorm"), after: norm("post_attention_layernorm")),
      attention: source.llamaAttention(
        prefix, configuration, queryNorm: headNorm("q_norm"), keyNorm: headNorm("k_norm")
      ) { _ in bias },
      feedForwardNorms: BranchNorms(
        before: norm("pre_feedforward_layernorm"), after: norm("post_feedforward_layernorm")),
      feedForward: source.llamaFeedForward(prefix, configuration) { _ in .none })
  }
}

/// Names of Gemma 2 and 3 in llama.cpp's files.
let gemmaNames = GGUFNames.llama.renaming([
  "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
  "post_ffw_norm": "post_feedforward_layernorm",
])

/// The `config.json` that Gemma 2 and 3 share.
///
/// - Parameter largestModel: layers of the 27B model, whose queries alone are not scaled by their
///   heads' size: GGUF does not say so, llama.cpp goes by the layers too.
func gemmaDocument(
  _ metadata: GGUFMetadata, modelType: String, largestModel: Int
) -> JSONObject {
  var document = metadata.llamaConfiguration(modelType)
  document["hidden_act"] = nil
  document["hidden_activation"] = "gelu_pytorch_tanh"
  if metadata.has("attention.sliding_window") {
    document["sliding_window"] = .integer(metadata.integer("attention.sliding_window"))
  }
  let isLargest = metadata.integer("block_count") == largestModel
  document["query_pre_attn_scalar"] =
    isLargest
    ? .integer(metadata.integer("embedding_length") / metadata.heads) : document["head_dim"]
  return document
}
