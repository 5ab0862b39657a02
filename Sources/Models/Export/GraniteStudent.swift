import Checkpoints
import Documents
import Operations
import Students
import TensorCore
import Transformers

/// A Llama-like teacher's hybrid as a GraniteMoeHybrid without experts: Mamba-2 in some layers, softmax in
/// the others. Both are cases of what that model computes: with factors of 1, scores scaled as the
/// teacher's, rotary positions and its feed-forward network as the one that all tokens share, a softmax
/// layer is the teacher's.
///
/// A Mamba-2 has a group for every query head there: rows of keys and values that heads share stand once
/// for each.
struct GraniteStudent: NativeStudent {
  static let title = "GraniteMoeHybrid"
  static let fitting = "one of a Llama-like teacher with mamba-2"

  let hybrid: NativeHybrid

  init(_ decoder: Decoder, _ document: JSONValue) {
    var hybrid = NativeHybrid(
      decoder, document,
      NativeHybrid.Rules(
        mixer: Mamba2.name, mixers: "Mamba-2 layers", family: "llama",
        epsilon: Mamba2.normEpsilon, normsHeads: false, tellsScale: true, scalesPositions: true))
    let (attention, width) = (hybrid.attention, hybrid.configuration.hiddenSize)
    if attention.queryWidth != width {
      hybrid.refuse(
        "\(attention.queryHeads) heads of \(attention.headDim) in a model \(width) wide",
        expected: "heads that together are as wide as the model")
    }
    self.hybrid = hybrid
  }

  // MARK: Tensors

  /// Outside of layers; the head unless it is the embeddings.
  var tensors: [SafetensorsWriter.NamedTensor] {
    let weights = hybrid.decoder.weights
    var found: [SafetensorsWriter.NamedTensor] = [
      ("model.embed_tokens.weight", weights.embedding.stored)
    ]
    if let norm = weights.finalNorm {
      found.append(("model.norm.weight", StoredTensor(NativeHybrid.weight(norm))))
    }
    if !hybrid.decoder.isHeadTied, let head = weights.head {
      found.append(("lm_head.weight", head.stored))
    }
    for layer in hybrid.decoder.layers.indices {
      found += block(layer).map { ("model.layers.\(layer).\($0.name)", $0.tensor) }
    }
    return found
  }

  private func block(_ layer: Int) -> [SafetensorsWriter.NamedTensor] {
    let block = hybrid.decoder.weights.blocks[layer]
    var found: [SafetensorsWriter.NamedTensor] = []
    for (name, norm) in [
      ("input_layernorm", block.attentionNorms.before),
      ("post_attention_layernorm", block.feedForwardNorms.before),
    ] {
      if let norm { found.append(("\(name).weight", StoredTensor(NativeHybrid.weight(norm)))) }
    }
    let inputs = [block.feedForward.gate, block.feedForward.up].compactMap { $0?.weight.stored }
    found += [
      (
        "shared_mlp.input_linear.weight",
        StoredTensor(joiningRows: inputs) ?? StoredTensor(NativeHybrid.joined(inputs))
      ), ("shared_mlp.output_linear.weight", block.feedForward.down.weight.stored),
    ]
    if hybrid.isLinear(layer) { return found + mamba(layer) }
    let attention = block.attention
    return found + [
      ("self_attn.q_proj.weight", attention.queries.weight.stored),
      ("self_attn.k_proj.weight", attention.keys.weight.stored),
      ("self_attn.v_proj.weight", attention.values.weight.stored),
      ("self_attn.o_proj.weight", attention.output.weight.stored),
    ]
  }

  private func mamba(_ layer: Int) -> [SafetensorsWriter.NamedTensor] {
    let own = hybrid.parameters(layer)
    let taps = NativeHybrid.joined(convolution(own))
    let names = ["A_log", "D", "dt_bias", "norm.weight"]
    return [
      ("mamba.in_proj.weight", StoredTensor(NativeHybrid.joined(inputs(layer, own)))),
      ("mamba.conv1d.weight", StoredTensor(taps.reshaped([taps.shape[0], 1, taps.shape[1]]))),
      (
        "mamba.out_proj.weight", hybrid.decoder.weights.blocks[layer].attention.output.weight.stored
      ),
    ] + names.map { ("mamba.\($0)", StoredTensor(own[$0]!)) }
  }

  /// What a Mamba-2 makes of its input, one after the other: gates, values, keys, queries, steps.
  func inputs(_ layer: Int, _ own: [String: Tensor]) -> [StoredTensor] {
    let projections = hybrid.decoder.weights.blocks[layer].attention
    return [
      StoredTensor(own["in_proj_z.weight"]!),
      hybrid.repeated(projections.values.weight.stored),
      hybrid.repeated(projections.keys.weight.stored), projections.queries.weight.stored,
      StoredTensor(own["in_proj_dt.weight"]!),
    ]
  }

  /// Taps of values, keys and queries, `[channels, 4]` each.
  func convolution(_ own: [String: Tensor]) -> [StoredTensor] {
    [
      hybrid.repeated(NativeHybrid.taps(own["v_conv1d.weight"]!)),
      hybrid.repeated(NativeHybrid.taps(own["k_conv1d.weight"]!)),
      NativeHybrid.taps(own["q_conv1d.weight"]!),
    ]
  }

  // MARK: Configuration

  var configuration: JSONObject {
    let sizes = hybrid.configuration
    let attention = sizes.attention
    let (heads, dim) = (JSONValue.integer(attention.queryHeads), attention.headDim)
    // As Granite's own files have it; transformers 5 knows these words too.
    let types = (0..<sizes.layers).map { layer -> JSONValue in
      hybrid.isLinear(layer) ? "mamba" : "attention"
    }
    return JSONObject([
      ("architectures", ["GraniteMoeHybridForCausalLM"]), ("model_type", "granitemoehybrid"),
      ("vocab_size", .integer(sizes.vocabularySize)), ("hidden_size", .integer(sizes.hiddenSize)),
      ("intermediate_size", .integer(sizes.intermediateSize)),
      ("shared_intermediate_size", .integer(sizes.intermediateSize)),
      ("num_local_experts", 0), ("num_experts_per_tok", 0),
      ("num_hidden_layers", .integer(sizes.layers)), ("num_attention_heads", heads),
      ("num_key_value_heads", .integer(attention.keyValueHeads)),
      ("hidden_act", "silu"), ("max_position_embeddings", .integer(sizes.maximumPositions)),
      ("rms_norm_eps", .number(hybrid.epsilon)),
      ("attention_bias", false), ("attention_dropout", 0.0),
      ("attention_multiplier", .number(Double(attention.scale))), ("embedding_multiplier", 1.0),
      ("residual_multiplier", 1.0), ("logits_scaling", 1.0), ("layer_types", .array(types)),
      ("mamba_n_heads", heads), ("mamba_n_groups", heads), ("mamba_d_state", .integer(dim)),
      ("mamba_d_head", .integer(dim)), ("mamba_d_conv", 4),
      ("mamba_expand", 1), ("mamba_chunk_size", 256), ("mamba_conv_bias", false),
      ("mamba_proj_bias", false), ("position_embedding_type", "rope"),
      ("rope_theta", .number(hybrid.theta)), ("rope_parameters", rotary),
    ])
  }

  private var rotary: JSONValue {
    var object = JSONObject([("rope_type", "default"), ("rope_theta", .number(hybrid.theta))])
    switch hybrid.rotary?.scaling {
    case .linear(let factor):
      object["rope_type"] = "linear"
      object["factor"] = .number(factor)
    case .llama3(let factor, let low, let high, let originalContext):
      object["rope_type"] = "llama3"
      object["factor"] = .number(factor)
      object["low_freq_factor"] = .number(low)
      object["high_freq_factor"] = .number(high)
      object["original_max_position_embeddings"] = .integer(Int(originalContext))
    default: break
    }
    return .object(object)
  }
}
