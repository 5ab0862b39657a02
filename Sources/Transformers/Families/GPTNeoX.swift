import Documents
import Operations
import TensorCore

/// GPT-NeoX and Pythia: rotary positions on part of each head, attention and feed-forward in
/// parallel, one fused projection whose rows go head by head: its query, its key, its value.
public enum GPTNeoX: TeacherFamily {
  public static let modelType = "gpt_neox"
  public static let summary =
    "GPT-NeoX and Pythia: partial rotary positions, parallel residual"

  public static let embeddingName = "gpt_neox.embed_in.weight"

  public static func architecture(_ reader: ConfigurationReader) -> Architecture {
    let hidden = reader.integer("hidden_size")
    let layers = reader.layers("num_hidden_layers")
    let attention = reader.attentionShape(hiddenSize: hidden)
    let intermediate = reader.integer("intermediate_size")
    let activation = reader.activation("hidden_act", default: "gelu")
    let rotary = reader.rotary(
      headDim: attention.headDim,
      RotaryKeys(
        theta: "rotary_emb_base", fraction: "rotary_pct", defaultFraction: 0.25,
        takesFraction: true))
    let configuration = DecoderConfiguration(
      family: modelType, hiddenSize: hidden, layers: layers, attention: attention,
      intermediateSize: intermediate, feedForward: .plain(activation),
      vocabularySize: reader.integer("vocab_size"),
      maximumPositions: reader.integer("max_position_embeddings"),
      positions: .rotary(Array(repeating: rotary, count: layers)),
      tiesHead: reader.boolean("tie_word_embeddings", default: false))
    let norm = Norm.Kind.layer(epsilon: Float(reader.number("layer_norm_eps", default: 1e-5)))
    let isParallel = reader.boolean("use_parallel_residual", default: true)
    let bias: WeightSource.Bias =
      reader.boolean("attention_bias", default: true) ? .required : .none
    return Architecture(configuration) { source in
      let blocks = (0..<layers).map { layer in
        let prefix = "gpt_neox.layers.\(layer)"
        let fused = source.projection(
          "\(prefix).attention.query_key_value", 3 * attention.queryWidth, hidden, bias: bias)
        let part = { (index: Int) in
          fusedPart(fused.weight, fused.bias, rows: fusedRows(index, of: attention))
        }
        let output = source.projection(
          "\(prefix).attention.dense", hidden, attention.queryWidth, bias: bias)
        return Block(
          attentionNorms: BranchNorms(
            before: source.norm("\(prefix).", "input_layernorm", hidden, norm)),
          attention: AttentionProjections(
            queries: part(0), keys: part(1), values: part(2), output: output),
          feedForwardNorms: BranchNorms(
            before: source.norm("\(prefix).", "post_attention_layernorm", hidden, norm)),
          feedForward: .plain(
            activation,
            up: source.projection(
              "\(prefix).mlp.dense_h_to_4h", intermediate, hidden, bias: .required),
            down: source.projection(
              "\(prefix).mlp.dense_4h_to_h", hidden, intermediate, bias: .required)),
          isParallel: isParallel)
      }
      let embedding = source.stored(
        "gpt_neox.embed_in.weight", [configuration.vocabularySize, hidden])
      return DecoderWeights(
        embedding: embedding, blocks: blocks,
        finalNorm: source.norm("gpt_neox.final_layer_norm", hidden, norm, as: "norm"),
        head: source.head("embed_out.weight", embedding: embedding, configuration))
    }
  }

  /// Rows of the fused projection that make queries (0), keys (1) or values (2).
  private static func fusedRows(_ index: Int, of attention: AttentionShape) -> [Int32] {
    (0..<attention.queryWidth).map {
      let (head, row) = ($0 / attention.headDim, $0 % attention.headDim)
      return Int32((head * 3 + index) * attention.headDim + row)
    }
  }

  public static func isIgnorable(_ name: String) -> Bool {
    [".attention.bias", ".attention.masked_bias", "rotary_emb.inv_freq"]
      .contains { name.hasSuffix($0) }
  }

  public static let gguf: GGUFLayout? = GGUFLayout(
    "gptneox",
    names: GGUFNames(
      whole: [
        "token_embd": "gpt_neox.embed_in", "output_norm": "gpt_neox.final_layer_norm",
        "output": "embed_out",
      ],
      block: [
        "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
        "attn_qkv": "attention.query_key_value", "attn_output": "attention.dense",
        "ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h",
      ],
      blockPrefix: "gpt_neox.layers"),
    // llama.cpp computes the exact GELU with its approximation.
    rules: GGUFArchitecture(
      fusesProjections: true, needsHead: true,
      biases: ["attn_qkv", "attn_output", "ffn_up", "ffn_down"], activations: [.gelu, .geluTanh],
      tellsParallel: true),
    configuration: { metadata in
      let hidden = metadata.integer("embedding_length")
      var document = JSONObject([("model_type", .string(modelType))])
      document["hidden_size"] = .integer(hidden)
      document["num_hidden_layers"] = .integer(metadata.integer("block_count"))
      document["num_attention_heads"] = .integer(metadata.heads)
      document["intermediate_size"] = .integer(metadata.integer("feed_forward_length"))
      document["max_position_embeddings"] = .integer(metadata.integer("context_length"))
      document["layer_norm_eps"] = .number(metadata.number("attention.layer_norm_epsilon"))
      document["hidden_act"] = "gelu"
      document["rotary_emb_base"] = .number(metadata.number("rope.freq_base", default: 10_000))
      let headDim = Double(max(1, hidden / metadata.heads))
      document["rotary_pct"] = .number(
        metadata.has("rope.dimension_count")
          ? Double(metadata.integer("rope.dimension_count")) / headDim : 1)
      document["use_parallel_residual"] = metadata.value("use_parallel_residual") ?? true
      return document
    },
    restored: { part, tensor, metadata in
      part == "attn_qkv" ? interleaved(tensor, heads: metadata.heads) : tensor
    })

  /// Hugging Face's rows go head by head, its query, its key, its value; GGUF's are all queries, all
  /// keys, all values.
  private static func interleaved(_ tensor: StoredTensor, heads: Int) -> StoredTensor? {
    let rows = tensor.shape[0]
    guard heads > 0, rows % (3 * heads) == 0, rows <= Int32.max else { return nil }
    let headDim = rows / (3 * heads)
    return GGUFRows.ordered(
      tensor,
      (0..<rows).map { row in
        let (head, part) = (row / (3 * headDim), row / headDim % 3)
        return Int32(part * heads * headDim + head * headDim + row % headDim)
      })
  }
}
