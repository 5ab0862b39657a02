import Documents
import Operations
import TensorCore

/// A tensor as llama.cpp's files hold it.
public struct GGUFTensor {
  /// As llama.cpp names it, `blk.0.attn_q.weight`.
  public let name: String
  /// Row-major.
  public let shape: [Int]
  /// How the model has it; 32-bit floats where it is made when it is written.
  public let storedType: ElementType
  /// It stays in 32-bit floats whatever type the file is written in, as llama.cpp's own tools leave
  /// vectors, norms and RWKV's small matrices.
  public let keepsFloats: Bool
  /// Makes its elements, of this shape up to extents of 1.
  public let make: () -> StoredTensor
}

/// A model as llama.cpp's files hold it: what is known of it, and its tensors. Collects what of the
/// model such a file has no place for.
public struct GGUFModel {
  /// `general.architecture`, the prefix of the model's own keys.
  public let architecture: String
  /// By key, in the order of the file.
  public private(set) var metadata = JSONObject()
  /// In the order of the file.
  public private(set) var tensors: [GGUFTensor] = []
  /// What cannot be carried, each with what would fit.
  public private(set) var refusals: [(found: String, expected: String)] = []

  /// A model without anything yet.
  public init(architecture: String) { self.architecture = architecture }

  /// - Parameter key: without the architecture.
  public mutating func set(_ key: String, _ value: JSONValue) {
    metadata["\(architecture).\(key)"] = value
  }

  /// Says that the model has something for which there is no place.
  public mutating func refuse(_ found: String, expected: String) {
    if !refusals.contains(where: { $0.found == found }) { refusals.append((found, expected)) }
  }

  // MARK: Tensors

  /// A tensor as the model has it.
  public mutating func add(_ name: String, _ tensor: StoredTensor, keepsFloats: Bool = false) {
    tensors.append(
      GGUFTensor(
        name: name, shape: tensor.shape, storedType: tensor.elementType,
        keepsFloats: keepsFloats || tensor.shape.count < 2, make: { tensor }))
  }

  /// A tensor that is made when it is written.
  public mutating func add(
    _ name: String, shape: [Int], keepsFloats: Bool = false, make: @escaping () -> Tensor
  ) {
    tensors.append(
      GGUFTensor(
        name: name, shape: shape, storedType: .float32,
        keepsFloats: keepsFloats || shape.count < 2, make: { StoredTensor(make()) }))
  }

  /// A norm with what its family adds to the weights, as llama.cpp stores it.
  public mutating func add(_ name: String, _ norm: Norm?) {
    guard let norm else { return }
    let weight = norm.weight.tensor
    if case .rms(_, let offset) = norm.kind, offset != 0 {
      add("\(name).weight", shape: weight.shape.dimensions, keepsFloats: true) {
        affine(weight, scale: 1, offset: offset)
      }
    } else {
      add("\(name).weight", StoredTensor(weight), keepsFloats: true)
    }
    if let bias = norm.bias { add("\(name).bias", StoredTensor(bias.tensor)) }
  }

  /// The weights of queries or keys, rows ordered for an architecture that turns neighbours by their
  /// positions, where this program turns the halves of a head.
  public mutating func addRotated(_ name: String, _ weight: StoredTensor, heads: Int) {
    let order = GGUFRows.permutation(rows: weight.shape[0], heads: heads)
    add(name, weight.selectingRows(order))
  }

  /// What plain frequencies are divided by to be these, as Llama 3's scaling is told.
  public mutating func addDivisors(of rotary: RotaryEmbedding) {
    let plain = RotaryEmbedding(rotaryDim: rotary.rotaryDim, theta: rotary.theta)
    let divisors = zip(plain.frequencies, rotary.frequencies).map { Float($0 / $1) }
    add(GGUFNames.ropeDivisors, StoredTensor(Tensor(divisors, [divisors.count])))
  }

  /// Embeddings, the last norm and the head.
  ///
  /// - Parameter needsHead: llama.cpp does not take the embeddings for a head that is not there.
  public mutating func addTables(of decoder: Decoder, needsHead: Bool) {
    let weights = decoder.weights
    add("token_embd.weight", weights.embedding.stored)
    if let positions = weights.positions {
      add("position_embd.weight", positions.stored, keepsFloats: true)
    }
    add("output_norm", weights.finalNorm)
    if needsHead || !decoder.isHeadTied { add("output.weight", weights.head!.stored) }
  }

  /// Sizes that every architecture has.
  ///
  /// - Parameter context: tokens within which the model computes the same as here.
  public mutating func describe(_ configuration: DecoderConfiguration, context: Int) {
    set("context_length", .integer(context))
    set("embedding_length", .integer(configuration.hiddenSize))
    set("block_count", .integer(configuration.layers))
    set("feed_forward_length", .integer(configuration.intermediateSize))
    set("vocab_size", .integer(configuration.vocabularySize))
  }

  /// The epsilon that all norms of one kind must share.
  public mutating func describeNorms(of decoder: Decoder) {
    let weights = decoder.weights
    let norms =
      [weights.finalNorm]
      + weights.blocks.flatMap {
        [
          $0.attentionNorms.before, $0.attentionNorms.after, $0.feedForwardNorms.before,
          $0.feedForwardNorms.after, $0.attention.queryNorm, $0.attention.keyNorm,
        ]
      }
    var epsilons: [String: Float] = [:]
    for norm in norms.compactMap({ $0 }) {
      let (key, epsilon) =
        switch norm.kind {
        case .rms(let epsilon, _): ("attention.layer_norm_rms_epsilon", epsilon)
        case .layer(let epsilon): ("attention.layer_norm_epsilon", epsilon)
        }
      if let other = epsilons.updateValue(epsilon, forKey: key), other != epsilon {
        refuse("norms with the epsilons \(other) and \(epsilon)", expected: "one epsilon")
      }
      set(key, .number(Double(epsilon.description) ?? Double(epsilon)))
    }
    if weights.embeddingNorm != nil
      || weights.blocks.contains(where: {
        $0.attentionNorms.sum != nil || $0.feedForwardNorms.sum != nil
      })
    {
      refuse("norms of embeddings or behind residual sums", expected: "a decoder's norms")
    }
  }
}
