import Documents
import Operations
import TensorCore

/// Llama 1 to 3 and the models of its shape (SmolLM2, TinyLlama): RMS norm, rotary positions,
/// grouped queries, SwiGLU.
public enum Llama: TeacherFamily {
  public static let modelType = "llama"
  public static let summary =
    "Llama 1 to 3, SmolLM2, TinyLlama: grouped queries, SwiGLU, rotary positions"

  public static func configuration(_ reader: ConfigurationReader) -> DecoderConfiguration {
    llamaConfiguration(reader, family: modelType)
  }

  public static func weights(
    _ source: WeightSource, _ configuration: DecoderConfiguration, _ document: JSONValue
  ) -> DecoderWeights {
    llamaWeights(source, configuration, document)
  }

  public static func isIgnorable(_ name: String) -> Bool { name.hasSuffix("rotary_emb.inv_freq") }
}

/// What Llama, Mistral and Qwen configurations have in common.
func llamaConfiguration(_ reader: ConfigurationReader, family: String) -> DecoderConfiguration {
  let hiddenSize = reader.integer("hidden_size")
  let layers = reader.layers("num_hidden_layers")
  let attention = reader.attentionShape(hiddenSize: hiddenSize)
  let activation = reader.activation("hidden_act", default: "silu")
  if activation != .silu {
    reader.report("hidden_act is \(activation.rawValue), expected silu in a gated block")
  }
  return DecoderConfiguration(
    family: family, hiddenSize: hiddenSize, layers: layers, attention: attention,
    intermediateSize: reader.integer("intermediate_size"),
    vocabularySize: reader.integer("vocab_size"),
    maximumPositions: reader.integer("max_position_embeddings"),
    normalization: .rms(epsilon: Float(reader.number("rms_norm_eps", default: 1e-6))),
    positions: .rotary(reader.rotary(headDim: attention.headDim)),
    activation: activation, isGated: true,
    slidingWindows: Array(repeating: nil, count: layers),
    tiesHead: reader.boolean("tie_word_embeddings", default: false))
}

/// Tensors under the names that Llama, Mistral and Qwen share. Biases are read where the checkpoint
/// has them, and must be there where the family or its configuration says so: a model without them
/// would run, and be another one.
///
/// - Parameter promisedBiases: projections that have a bias in this family, `q_proj` and so on.
func llamaWeights(
  _ source: WeightSource, _ configuration: DecoderConfiguration, _ document: JSONValue,
  promisedBiases: Set<String> = []
) -> DecoderWeights {
  var promised = promisedBiases
  if document["attention_bias"]?.boolValue == true {
    promised.formUnion(["q_proj", "k_proj", "v_proj", "o_proj"])
  }
  if document["mlp_bias"]?.boolValue == true {
    promised.formUnion(["gate_proj", "up_proj", "down_proj"])
  }
  let hidden = configuration.hiddenSize
  let intermediate = configuration.intermediateSize
  let attention = configuration.attention
  let projection = { (name: String, outputs: Int, inputs: Int) in
    let isPromised = promised.contains { name.hasSuffix(".\($0)") }
    return Projection(
      source.stored("\(name).weight", [outputs, inputs]),
      bias: isPromised
        ? source.dense("\(name).bias", [outputs])
        : source.optionalDense("\(name).bias", [outputs]))
  }
  let blocks = (0..<configuration.layers).map { layer in
    let prefix = "model.layers.\(layer)"
    var block = BlockWeights(
      attentionNorm: NormWeights(source.dense("\(prefix).input_layernorm.weight", [hidden])),
      feedForwardNorm: NormWeights(
        source.dense("\(prefix).post_attention_layernorm.weight", [hidden])),
      queries: projection("\(prefix).self_attn.q_proj", attention.queryWidth, hidden),
      keys: projection("\(prefix).self_attn.k_proj", attention.keyWidth, hidden),
      values: projection("\(prefix).self_attn.v_proj", attention.keyWidth, hidden),
      output: projection("\(prefix).self_attn.o_proj", hidden, attention.queryWidth),
      gate: projection("\(prefix).mlp.gate_proj", intermediate, hidden),
      up: projection("\(prefix).mlp.up_proj", intermediate, hidden),
      down: projection("\(prefix).mlp.down_proj", hidden, intermediate))
    if configuration.hasQueryKeyNorm {
      let d = attention.headDim
      block.queryNorm = source.dense("\(prefix).self_attn.q_norm.weight", [d])
      block.keyNorm = source.dense("\(prefix).self_attn.k_norm.weight", [d])
    }
    return block
  }
  let embedding = source.stored(
    "model.embed_tokens.weight", [configuration.vocabularySize, hidden])
  return DecoderWeights(
    embedding: embedding, positions: nil, blocks: blocks,
    finalNorm: NormWeights(source.dense("model.norm.weight", [hidden])),
    head: source.head("lm_head.weight", embedding: embedding, configuration))
}
