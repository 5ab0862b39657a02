import Documents
import Operations

/// GPT-2: learned positions, layer norm, one fused projection for queries, keys and values, weights
/// stored `[inputs, outputs]` (its Conv1D).
public enum GPT2: TeacherFamily {
  public static let modelType = "gpt2"
  public static let summary =
    "learned positions, layer norm, fused Conv1D projections"

  public static let embeddingName = "transformer.wte.weight"
  public static let readsNamesWithoutPrefix = true

  public static func architecture(_ reader: ConfigurationReader) -> Architecture {
    let hidden = reader.integer("n_embd")
    let layers = reader.layers("n_layer")
    let heads = reader.integer("n_head")
    if hidden % heads != 0 {
      reader.report("n_embd \(hidden) is not a multiple of n_head \(heads)")
    }
    for key in ["scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn"]
    where reader.boolean(key, default: false) {
      reader.report("\(key) is not supported")
    }
    let intermediate = reader.integer("n_inner", default: 4 * hidden)
    let activation = reader.activation("activation_function", default: "gelu_new")
    let configuration = DecoderConfiguration(
      family: modelType, hiddenSize: hidden, layers: layers,
      attention: AttentionShape(
        queryHeads: heads, keyValueHeads: heads, headDim: max(1, hidden / heads),
        scale: reader.boolean("scale_attn_weights", default: true) ? nil : 1),
      intermediateSize: intermediate, feedForward: .plain(activation),
      vocabularySize: reader.integer("vocab_size"),
      maximumPositions: reader.integer("n_positions"), positions: .learned,
      tiesHead: reader.boolean("tie_word_embeddings", default: true))
    let kind = Norm.Kind.layer(
      epsilon: Float(reader.number("layer_norm_epsilon", default: 1e-5)))
    // GGUF stores the weights transposed already.
    let isTransposed = reader.boolean("linearize_conv1d_transposed", default: false)
    return Architecture(configuration) { source in
      // Some checkpoints were saved without the `transformer.` prefix.
      let root =
        source.has("wte.weight") && !source.has("transformer.wte.weight") ? "" : "transformer."
      let projection = { (name: String, outputs: Int, inputs: Int) in
        Projection(
          isTransposed
            ? source.stored("\(name).weight", [outputs, inputs])
            : source.stored("\(name).weight", [inputs, outputs]).transposed,
          bias: source.dense("\(name).bias", [outputs]))
      }
      let blocks = (0..<layers).map { layer in
        let prefix = "\(root)h.\(layer)"
        let norm = { (tensor: String, name: String) in
          BranchNorms(before: source.norm("\(prefix).\(tensor)", hidden, kind, as: name))
        }
        let fused = projection("\(prefix).attn.c_attn", 3 * hidden, hidden)
        let third = { (index: Int) in
          fusedPart(fused.weight, fused.bias, rows: thirdOfRows(index, hidden))
        }
        return Block(
          attentionNorms: norm("ln_1", "input_layernorm"),
          attention: AttentionProjections(
            queries: third(0), keys: third(1), values: third(2),
            output: projection("\(prefix).attn.c_proj", hidden, hidden)),
          feedForwardNorms: norm("ln_2", "post_attention_layernorm"),
          feedForward: .plain(
            activation, up: projection("\(prefix).mlp.c_fc", intermediate, hidden),
            down: projection("\(prefix).mlp.c_proj", hidden, intermediate)))
      }
      let embedding = source.stored(
        "\(root)wte.weight", [configuration.vocabularySize, hidden])
      return DecoderWeights(
        embedding: embedding,
        positions: source.stored("\(root)wpe.weight", [configuration.maximumPositions, hidden]),
        blocks: blocks, finalNorm: source.norm("\(root)ln_f", hidden, kind, as: "norm"),
        head: source.head("lm_head.weight", embedding: embedding, configuration))
    }
  }

  /// Projections into the residual stream shrink with its depth (Radford et al. 2019, section 2.3).
  public static func initialScale(
    _ tensor: String, _ configuration: DecoderConfiguration
  ) -> Double {
    tensor.hasSuffix(".c_proj.weight") ? 1 / Double(2 * configuration.layers).squareRoot() : 1
  }

  /// Rows of the fused projection that make queries (0), keys (1) or values (2).
  private static func thirdOfRows(_ index: Int, _ hidden: Int) -> [Int32] {
    (0..<hidden).map { Int32(index * hidden + $0) }
  }

  public static func isIgnorable(_ name: String) -> Bool {
    name.hasSuffix(".attn.bias") || name.hasSuffix(".attn.masked_bias")
  }

  public static let gguf: GGUFLayout? = GGUFLayout(
    modelType,
    names: GGUFNames(
      whole: [
        "token_embd": "transformer.wte", "position_embd": "transformer.wpe",
        "output_norm": "transformer.ln_f", "output": "lm_head",
      ],
      block: [
        "attn_norm": "ln_1", "ffn_norm": "ln_2", "attn_qkv": "attn.c_attn",
        "attn_output": "attn.c_proj", "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj",
      ],
      blockPrefix: "transformer.h"),
    rules: GGUFArchitecture(
      fusesProjections: true, biases: ["attn_qkv", "attn_output", "ffn_up", "ffn_down"],
      activations: [.geluTanh]),
    configuration: { metadata in
      var document = JSONObject([("model_type", .string(modelType))])
      document["n_embd"] = .integer(metadata.integer("embedding_length"))
      document["n_layer"] = .integer(metadata.integer("block_count"))
      document["n_head"] = .integer(metadata.heads)
      document["n_inner"] = .integer(metadata.integer("feed_forward_length"))
      document["n_positions"] = .integer(metadata.integer("context_length"))
      document["layer_norm_epsilon"] = .number(metadata.number("attention.layer_norm_epsilon"))
      document["activation_function"] = "gelu_new"
      // Hugging Face stores these matrices [inputs, outputs], GGUF [outputs, inputs].
      document["linearize_conv1d_transposed"] = true
      return document
    })
}
