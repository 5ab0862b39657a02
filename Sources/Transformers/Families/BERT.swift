import Operations

/// BERT and the sentence encoders of its shape (MiniLM): every token sees the whole text, learned
/// positions, token types, norms behind the residual sums (Devlin et al. 2019, arXiv 1810.04805).
public enum BERT: TeacherFamily {
  public static let modelType = "bert"
  public static let summary =
    "BERT and MiniLM, encoders: bidirectional, learned positions, token types, norms behind sums"

  public static let embeddingName = "bert.embeddings.word_embeddings.weight"
  public static let readsNamesWithoutPrefix = true

  public static func architecture(_ reader: ConfigurationReader) -> Architecture {
    let hidden = reader.integer("hidden_size")
    let layers = reader.layers("num_hidden_layers")
    let heads = reader.attentionShape(hiddenSize: hidden)
    let positions = reader.string("position_embedding_type", default: "absolute")
    if positions != "absolute" {
      reader.report("position_embedding_type \"\(positions)\" is not supported; known is absolute")
    }
    for key in ["is_decoder", "add_cross_attention"] where reader.boolean(key, default: false) {
      reader.report("\(key) is not supported: BERT is read as an encoder")
    }
    reader.pass(over: "tie_word_embeddings")
    let intermediate = reader.integer("intermediate_size")
    let activation = reader.activation("hidden_act", default: "gelu")
    let configuration = DecoderConfiguration(
      family: modelType, hiddenSize: hidden, layers: layers,
      attention: AttentionShape(
        queryHeads: heads.queryHeads, keyValueHeads: heads.keyValueHeads, headDim: heads.headDim,
        isCausal: false),
      intermediateSize: intermediate, feedForward: .plain(activation),
      vocabularySize: reader.integer("vocab_size"),
      maximumPositions: reader.integer("max_position_embeddings"),
      positions: .learned, tiesHead: false)
    let kind = Norm.Kind.layer(epsilon: Float(reader.number("layer_norm_eps", default: 1e-12)))
    let types = reader.integer("type_vocab_size", default: 2)
    return Architecture(configuration) { source in
      // Models with a head keep the encoder under `bert.`, the encoder alone has no prefix.
      let root = source.hasAny(prefix: "bert.") ? "bert." : ""
      let table = { (name: String, rows: Int) in
        source.stored("\(root)embeddings.\(name)_embeddings.weight", [rows, hidden])
      }
      let blocks = (0..<layers).map { layer in
        let prefix = "\(root)encoder.layer.\(layer)"
        let norm = { (tensor: String, name: String) in
          BranchNorms(sum: source.norm("\(prefix).\(tensor).LayerNorm", hidden, kind, as: name))
        }
        let projection = { (name: String, outputs: Int, inputs: Int) in
          source.projection("\(prefix).\(name)", outputs, inputs, bias: .required)
        }
        return Block(
          attentionNorms: norm("attention.output", "input_layernorm"),
          attention: AttentionProjections(
            queries: projection("attention.self.query", heads.queryWidth, hidden),
            keys: projection("attention.self.key", heads.queryWidth, hidden),
            values: projection("attention.self.value", heads.queryWidth, hidden),
            output: projection("attention.output.dense", hidden, heads.queryWidth)),
          feedForwardNorms: norm("output", "post_attention_layernorm"),
          feedForward: .plain(
            activation, up: projection("intermediate.dense", intermediate, hidden),
            down: projection("output.dense", hidden, intermediate)))
      }
      return DecoderWeights(
        embedding: table("word", configuration.vocabularySize),
        positions: table("position", configuration.maximumPositions),
        tokenTypes: table("token_type", types),
        embeddingNorm: source.norm(
          "\(root)embeddings.LayerNorm", hidden, kind, as: "embed_norm"),
        blocks: blocks)
    }
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
