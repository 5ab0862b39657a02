import Documents
import Operations
import TensorCore

/// GPT-NeoX and Pythia: rotary positions on part of each head, attention and feed-forward in
/// parallel, one fused projection whose rows go head by head: its query, its key, its value.
public enum GPTNeoX: TeacherFamily {
  public static let modelType = "gpt_neox"
  public static let summary =
    "GPT-NeoX and Pythia: partial rotary positions, parallel residual"

  public static func configuration(_ reader: ConfigurationReader) -> DecoderConfiguration {
    let hiddenSize = reader.integer("hidden_size")
    let layers = reader.layers("num_hidden_layers")
    let attention = reader.attentionShape(hiddenSize: hiddenSize)
    return DecoderConfiguration(
      family: modelType, hiddenSize: hiddenSize, layers: layers, attention: attention,
      intermediateSize: reader.integer("intermediate_size"),
      vocabularySize: reader.integer("vocab_size"),
      maximumPositions: reader.integer("max_position_embeddings"),
      normalization: .layer(epsilon: Float(reader.number("layer_norm_eps", default: 1e-5))),
      positions: .rotary(
        reader.rotary(
          headDim: attention.headDim, thetaKey: "rotary_emb_base", fractionKey: "rotary_pct",
          defaultFraction: 0.25)),
      activation: reader.activation("hidden_act", default: "gelu"), isGated: false,
      hasParallelResidual: reader.boolean("use_parallel_residual", default: true),
      slidingWindows: Array(repeating: nil, count: layers),
      tiesHead: reader.boolean("tie_word_embeddings", default: false))
  }

  public static func weights(
    _ source: WeightSource, _ configuration: DecoderConfiguration, _ document: JSONValue
  ) -> DecoderWeights {
    let hidden = configuration.hiddenSize
    let intermediate = configuration.intermediateSize
    let attention = configuration.attention
    let norm = { (name: String) in
      NormWeights(
        source.dense("\(name).weight", [hidden]), bias: source.dense("\(name).bias", [hidden]))
    }
    let hasAttentionBias = document["attention_bias"]?.boolValue ?? true
    let projection = { (name: String, outputs: Int, inputs: Int, hasBias: Bool) in
      Projection(
        source.stored("\(name).weight", [outputs, inputs]),
        bias: hasBias ? source.dense("\(name).bias", [outputs]) : nil)
    }
    let blocks = (0..<configuration.layers).map { layer in
      let prefix = "gpt_neox.layers.\(layer)"
      let fused = source.stored(
        "\(prefix).attention.query_key_value.weight", [3 * attention.queryWidth, hidden])
      let bias =
        hasAttentionBias
        ? source.dense(
          "\(prefix).attention.query_key_value.bias", [3 * attention.queryWidth]) : nil
      let part = { (index: Int) in
        fusedPart(fused, bias) {
          (0..<attention.queryWidth).map {
            let (head, row) = ($0 / attention.headDim, $0 % attention.headDim)
            return Int32((head * 3 + index) * attention.headDim + row)
          }
        }
      }
      return BlockWeights(
        attentionNorm: norm("\(prefix).input_layernorm"),
        feedForwardNorm: norm("\(prefix).post_attention_layernorm"),
        queries: part(0), keys: part(1), values: part(2),
        output: projection(
          "\(prefix).attention.dense", hidden, attention.queryWidth, hasAttentionBias), gate: nil,
        up: projection("\(prefix).mlp.dense_h_to_4h", intermediate, hidden, true),
        down: projection("\(prefix).mlp.dense_4h_to_h", hidden, intermediate, true))
    }
    let embedding = source.stored(
      "gpt_neox.embed_in.weight", [configuration.vocabularySize, hidden])
    return DecoderWeights(
      embedding: embedding, positions: nil, blocks: blocks,
      finalNorm: norm("gpt_neox.final_layer_norm"),
      head: source.head("embed_out.weight", embedding: embedding, configuration))
  }

  public static func isIgnorable(_ name: String) -> Bool {
    [".attention.bias", ".attention.masked_bias", "rotary_emb.inv_freq"]
      .contains { name.hasSuffix($0) }
  }
}
