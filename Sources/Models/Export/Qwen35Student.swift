import Checkpoints
import Documents
import Operations
import Students
import TensorCore
import Transformers

/// A Qwen 3 teacher's hybrid as a text model of Qwen3.5: gated delta nets in some layers, softmax in
/// the others. Both are cases of what Qwen3.5 computes, so that transformers, llama.cpp and others run it
/// without any code of this program.
///
/// Of a softmax layer the gate is ½ everywhere, its rows being 0, and the output projection doubled. A
/// gated delta net has as many heads of keys and values there as of queries: rows that heads share stand
/// once for each.
struct Qwen35Student: NativeStudent {
  static let title = "Qwen3.5"
  static let fitting = "one of a Qwen 3 teacher with gated-delta-net"

  /// A tensor of the model.
  struct Part {
    enum Kind {
      case plain
      /// Norm weights, which transformers keeps as differences from 1 and llama.cpp as they are.
      case norm
      /// How fast heads forget: transformers keeps the logarithm, llama.cpp minus the number.
      case decay
      /// `[channels, 4]` here, with a dimension of 1 between in transformers.
      case convolution
    }

    /// After the layer's prefix, or whole outside of layers.
    let huggingFace, gguf: String
    let kind: Kind
    let shape: [Int]
    /// As the model has it; nil where it is made of several.
    let stored: StoredTensor?
    let make: () -> Tensor

    init(
      _ huggingFace: String, _ gguf: String, _ kind: Kind = .plain, shape: [Int],
      make: @escaping () -> Tensor
    ) {
      (self.huggingFace, self.gguf, self.kind) = (huggingFace, gguf, kind)
      (self.shape, self.make, stored) = (shape, make, nil)
    }

    init(_ huggingFace: String, _ gguf: String, _ stored: StoredTensor, _ kind: Kind = .plain) {
      (self.huggingFace, self.gguf, self.kind) = (huggingFace, gguf, kind)
      (shape, self.stored) = (stored.shape, stored)
      make = { stored.widened() }
    }
  }

  let hybrid: NativeHybrid

  init(_ decoder: Decoder, _ document: JSONValue) {
    hybrid = NativeHybrid(
      decoder, document,
      NativeHybrid.Rules(
        mixer: GatedDeltaNet.name, mixers: "gated delta nets", family: "qwen3",
        epsilon: GatedDeltaNet.normEpsilon, normsHeads: true, tellsScale: false,
        scalesPositions: false))
  }

  /// One softmax layer in so many, the last of each; nil where they stand in another pattern.
  var period: Int? {
    let layers = 0..<hybrid.configuration.layers
    let kept = layers.filter { !hybrid.isLinear($0) }
    guard let first = kept.first else { return nil }
    return kept == layers.filter { ($0 + 1) % (first + 1) == 0 } ? first + 1 : nil
  }

  /// Pairs of rotary coordinates that time, height and width would have in an image: of a text, which has
  /// but one position, they are all the same.
  var sections: [Int] {
    let pairs = hybrid.attention.headDim / 2
    return (0..<3).map { (pairs + 2 - $0) / 3 }
  }

  var tensors: [SafetensorsWriter.NamedTensor] {
    let layers = hybrid.decoder.layers.indices.flatMap { layer in
      block(layer).map { ("model.layers.\(layer).\($0.huggingFace)", Self.stored($0)) }
    }
    return tables.map { ($0.huggingFace, Self.stored($0)) } + layers
  }

  private static func stored(_ part: Part) -> StoredTensor {
    switch part.kind {
    case .plain, .decay: part.stored ?? StoredTensor(part.make())
    case .norm: StoredTensor(affine(part.make(), scale: 1, offset: -1))
    case .convolution: StoredTensor(part.make().reshaped([part.shape[0], 1, part.shape[1]]))
    }
  }

  var configuration: JSONObject {
    let sizes = hybrid.configuration
    let attention = sizes.attention
    let (heads, dim) = (JSONValue.integer(attention.queryHeads), attention.headDim)
    let types = (0..<sizes.layers).map { layer -> JSONValue in
      hybrid.isLinear(layer) ? "linear_attention" : "full_attention"
    }
    var object = JSONObject([
      ("architectures", ["Qwen3_5ForCausalLM"]), ("model_type", "qwen3_5_text"),
      ("vocab_size", .integer(sizes.vocabularySize)), ("hidden_size", .integer(sizes.hiddenSize)),
      ("intermediate_size", .integer(sizes.intermediateSize)),
      ("num_hidden_layers", .integer(sizes.layers)), ("num_attention_heads", heads),
      ("num_key_value_heads", .integer(attention.keyValueHeads)), ("head_dim", .integer(dim)),
      ("hidden_act", "silu"), ("max_position_embeddings", .integer(sizes.maximumPositions)),
      ("rms_norm_eps", .number(hybrid.epsilon)), ("attention_bias", false),
      ("layer_types", .array(types)),
      ("linear_conv_kernel_dim", 4), ("linear_num_key_heads", heads),
      ("linear_num_value_heads", heads), ("linear_key_head_dim", .integer(dim)),
      ("linear_value_head_dim", .integer(dim)),
      (
        "rope_parameters",
        [
          "rope_type": "default", "rope_theta": .number(hybrid.theta),
          "partial_rotary_factor": 1.0, "mrope_interleaved": true,
          "mrope_section": .array(sections.map { .integer($0) }),
        ]
      ),
    ])
    // Readers that know no list of layers take it from this.
    if let period { object["full_attention_interval"] = .integer(period) }
    return object
  }
}
