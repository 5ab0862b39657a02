import Documents
import Operations
import TensorCore

/// GPT-2: learned positions, layer norm, one fused projection for queries, keys and values, weights
/// stored `[inputs, outputs]` (its Conv1D).
public enum GPT2: TeacherFamily {
  public static let modelType = "gpt2"
  public static let summary =
    "learned positions, layer norm, fused Conv1D projections"

  public static func configuration(_ reader: ConfigurationReader) -> DecoderConfiguration {
    let hiddenSize = reader.integer("n_embd")
    let layers = reader.layers("n_layer")
    let heads = reader.integer("n_head")
    if hiddenSize % heads != 0 {
      reader.report("n_embd \(hiddenSize) is not a multiple of n_head \(heads)")
    }
    for key in ["scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn"]
    where reader.boolean(key, default: false) {
      reader.report("\(key) is not supported")
    }
    return DecoderConfiguration(
      family: modelType, hiddenSize: hiddenSize, layers: layers,
      attention: AttentionShape(
        queryHeads: heads, keyValueHeads: heads, headDim: max(1, hiddenSize / heads),
        scale: reader.boolean("scale_attn_weights", default: true) ? nil : 1),
      intermediateSize: reader.integer("n_inner", default: 4 * hiddenSize),
      vocabularySize: reader.integer("vocab_size"),
      maximumPositions: reader.integer("n_positions"),
      normalization: .layer(epsilon: Float(reader.number("layer_norm_epsilon", default: 1e-5))),
      positions: .learned,
      activation: reader.activation("activation_function", default: "gelu_new"), isGated: false,
      slidingWindows: Array(repeating: nil, count: layers),
      tiesHead: reader.boolean("tie_word_embeddings", default: true))
  }

  public static func weights(
    _ source: WeightSource, _ configuration: DecoderConfiguration, _ document: JSONValue
  ) -> DecoderWeights {
    let hidden = configuration.hiddenSize
    let intermediate = configuration.intermediateSize
    // GGUF files hold the weights transposed already.
    let isTransposed = document["linearize_conv1d_transposed"]?.boolValue ?? false
    // Some checkpoints were saved without the `transformer.` prefix.
    let root =
      source.has("transformer.wte.weight")
      ? "transformer." : (source.has("wte.weight") ? "" : "transformer.")
    let matrix = { (name: String, outputs: Int, inputs: Int) in
      isTransposed
        ? source.stored("\(name).weight", [outputs, inputs])
        : source.stored("\(name).weight", [inputs, outputs]).transposed
    }
    let norm = { (name: String) in
      NormWeights(
        source.dense("\(name).weight", [hidden]), bias: source.dense("\(name).bias", [hidden]))
    }
    let projection = { (name: String, outputs: Int, inputs: Int) in
      Projection(
        matrix(name, outputs, inputs), bias: source.dense("\(name).bias", [outputs]))
    }
    let blocks = (0..<configuration.layers).map { layer in
      let prefix = "\(root)h.\(layer)"
      let fused = matrix("\(prefix).attn.c_attn", 3 * hidden, hidden)
      let bias = source.dense("\(prefix).attn.c_attn.bias", [3 * hidden])
      let third = { (index: Int) in
        fusedPart(fused, bias) { (0..<hidden).map { Int32(index * hidden + $0) } }
      }
      return BlockWeights(
        attentionNorm: norm("\(prefix).ln_1"), feedForwardNorm: norm("\(prefix).ln_2"),
        queries: third(0), keys: third(1), values: third(2),
        output: projection("\(prefix).attn.c_proj", hidden, hidden), gate: nil,
        up: projection("\(prefix).mlp.c_fc", intermediate, hidden),
        down: projection("\(prefix).mlp.c_proj", hidden, intermediate))
    }
    let embedding = source.stored(
      "\(root)wte.weight", [configuration.vocabularySize, hidden])
    return DecoderWeights(
      embedding: embedding,
      positions: source.stored("\(root)wpe.weight", [configuration.maximumPositions, hidden]),
      blocks: blocks, finalNorm: norm("\(root)ln_f"),
      head: source.head("lm_head.weight", embedding: embedding, configuration))
  }

  /// Projections into the residual stream shrink with its depth (Radford et al. 2019, section 2.3).
  public static func initialScale(
    _ tensor: String, _ configuration: DecoderConfiguration
  ) -> Double {
    tensor.hasSuffix(".c_proj.weight") ? 1 / Double(2 * configuration.layers).squareRoot() : 1
  }

  public static func isIgnorable(_ name: String) -> Bool {
    name.hasSuffix(".attn.bias") || name.hasSuffix(".attn.masked_bias")
  }
}

/// Some rows of a fused projection; nothing when the fused tensor was missing, and then `rows`,
/// as many as a configuration without weights may claim, are not counted out.
func fusedPart(_ weight: Weight, _ bias: Weight?, rows: () -> [Int32]) -> Projection {
  if weight.isMissing || bias?.isMissing == true { return Projection(weight) }
  let rows = rows()
  return Projection(weight.selectingRows(rows), bias: bias?.selectingRows(rows))
}
