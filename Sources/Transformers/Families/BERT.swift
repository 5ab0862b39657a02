import Documents
import Operations
import TensorCore

/// BERT and the sentence encoders of its shape (MiniLM): every token sees the whole text, learned
/// positions, token types, norms behind the residual sums (Devlin et al. 2019, arXiv 1810.04805).
public enum BERT: TeacherFamily {
  public static let modelType = "bert"
  public static let summary =
    "BERT and MiniLM, encoders: bidirectional, learned positions, token types, norms behind sums"

  public static func configuration(_ reader: ConfigurationReader) -> DecoderConfiguration {
    let hiddenSize = reader.integer("hidden_size")
    let layers = reader.layers("num_hidden_layers")
    let heads = reader.attentionShape(hiddenSize: hiddenSize)
    let positions = reader.string("position_embedding_type", default: "absolute")
    if positions != "absolute" {
      reader.report("position_embedding_type \"\(positions)\" is not supported; known is absolute")
    }
    for key in ["is_decoder", "add_cross_attention"] where reader.boolean(key, default: false) {
      reader.report("\(key) is not supported: BERT is read as an encoder")
    }
    return DecoderConfiguration(
      family: modelType, hiddenSize: hiddenSize, layers: layers,
      attention: AttentionShape(
        queryHeads: heads.queryHeads, keyValueHeads: heads.keyValueHeads, headDim: heads.headDim,
        isCausal: false),
      intermediateSize: reader.integer("intermediate_size"),
      vocabularySize: reader.integer("vocab_size"),
      maximumPositions: reader.integer("max_position_embeddings"),
      normalization: .layer(epsilon: Float(reader.number("layer_norm_eps", default: 1e-12))),
      positions: .learned, activation: reader.activation("hidden_act", default: "gelu"),
      isGated: false, hasPostNorm: true, slidingWindows: Array(repeating: nil, count: layers),
      tiesHead: false, hasHead: false, tokenTypes: reader.integer("type_vocab_size", default: 2),
      hasEmbeddingNorm: true)
  }

  public static func weights(
    _ source: WeightSource, _ configuration: DecoderConfiguration, _ document: JSONValue
  ) -> DecoderWeights {
    let hidden = configuration.hiddenSize
    let intermediate = configuration.intermediateSize
    let width = configuration.attention.queryWidth
    // Models with a head keep the encoder under `bert.`, the encoder alone has no prefix.
    let root = source.hasAny(prefix: "bert.") ? "bert." : ""
    let norm = { (name: String) in
      NormWeights(
        source.dense("\(name).weight", [hidden]), bias: source.dense("\(name).bias", [hidden]))
    }
    let projection = { (name: String, outputs: Int, inputs: Int) in
      Projection(
        source.stored("\(name).weight", [outputs, inputs]),
        bias: source.dense("\(name).bias", [outputs]))
    }
    let table = { (name: String, rows: Int) in
      source.stored("\(root)embeddings.\(name)_embeddings.weight", [rows, hidden])
    }
    let blocks = (0..<configuration.layers).map { layer in
      let prefix = "\(root)encoder.layer.\(layer)"
      return BlockWeights(
        attentionNorm: norm("\(prefix).attention.output.LayerNorm"),
        feedForwardNorm: norm("\(prefix).output.LayerNorm"),
        queries: projection("\(prefix).attention.self.query", width, hidden),
        keys: projection("\(prefix).attention.self.key", width, hidden),
        values: projection("\(prefix).attention.self.value", width, hidden),
        output: projection("\(prefix).attention.output.dense", hidden, width), gate: nil,
        up: projection("\(prefix).intermediate.dense", intermediate, hidden),
        down: projection("\(prefix).output.dense", hidden, intermediate))
    }
    return DecoderWeights(
      embedding: table("word", configuration.vocabularySize),
      positions: table("position", configuration.maximumPositions),
      tokenTypes: table("token_type", configuration.tokenTypes),
      embeddingNorm: norm("\(root)embeddings.LayerNorm"), blocks: blocks, finalNorm: nil, head: nil)
  }

  /// Tensors of BERT that an encoder of texts has no use for: what its pretraining predicted with,
  /// and positions 0, 1, 2, … as some versions saved them.
  static let unused = [
    "embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias",
    "cls.predictions.bias", "cls.predictions.decoder.weight", "cls.predictions.decoder.bias",
    "cls.predictions.transform.dense.weight", "cls.predictions.transform.dense.bias",
    "cls.predictions.transform.LayerNorm.weight", "cls.predictions.transform.LayerNorm.bias",
    "cls.seq_relationship.weight", "cls.seq_relationship.bias",
  ]

  public static func isIgnorable(_ name: String) -> Bool {
    unused.contains(name.hasPrefix("bert.") ? String(name.dropFirst(5)) : name)
  }
}
