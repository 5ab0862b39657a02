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
struct Qwen35Student {
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

  let decoder: Decoder
  /// What of the student Qwen3.5 does not have, each with what would fit.
  private(set) var refusals: [(found: String, expected: String)] = []

  /// - Parameter document: the recipe's student with every default spelled.
  init(_ decoder: Decoder, _ document: JSONValue) {
    self.decoder = decoder
    if document["mixer"]?.stringValue != GatedDeltaNet.name {
      refuse(
        "the mixer \(document["mixer"]?.stringValue ?? "window-memory")",
        expected: GatedDeltaNet.name)
    }
    checkLayers()
    checkBlocks()
    checkSizes()
  }

  var configuration: DecoderConfiguration { decoder.configuration }
  var attention: AttentionShape { decoder.configuration.attention }

  /// Whether a layer has a gated delta net.
  func isLinear(_ layer: Int) -> Bool { decoder.convertedLayers.contains(layer) }

  /// One softmax layer in so many, the last of each; nil where they stand in another pattern.
  var period: Int? {
    let kept = (0..<configuration.layers).filter { !isLinear($0) }
    guard let first = kept.first else { return nil }
    let every = (0..<configuration.layers).filter { ($0 + 1) % (first + 1) == 0 }
    return kept == every ? first + 1 : nil
  }

  /// Of the base of rotary positions.
  var theta: Double {
    guard case .rotary(let layers) = configuration.positions else { return 10_000 }
    return layers.compactMap { $0 }.first?.theta ?? 10_000
  }

  /// Pairs of rotary coordinates that time, height and width would have in an image: of a text, which has
  /// but one position, they are all the same.
  var sections: [Int] {
    let pairs = attention.headDim / 2
    return (0..<3).map { (pairs + 2 - $0) / 3 }
  }

  /// Of every norm.
  var epsilon: Double {
    Double(GatedDeltaNet.normEpsilon.description) ?? Double(GatedDeltaNet.normEpsilon)
  }

  // MARK: What fits

  private mutating func refuse(_ found: String, expected: String) {
    if !refusals.contains(where: { $0.found == found }) { refusals.append((found, expected)) }
  }

  private mutating func checkLayers() {
    if decoder.convertedLayers.count == configuration.layers {
      refuse(
        "no layer that kept softmax, from whose keys transformers, llama.cpp and mlx-lm take how long a "
          + "text is, and without which they stop",
        expected:
          "softmaxLayers with at least one layer, \"every 4\" for example; or the folder with "
          + "its own code, --format safetensors")
    }
    if decoder.layers.contains(where: { !$0.adapters.isEmpty }) {
      refuse("adapters beside their projections", expected: "merged ones, with --merge")
    }
  }

  private mutating func checkBlocks() {
    let fits = "as in qwen3"
    let weights = decoder.weights
    for block in weights.blocks {
      let (attention, network) = (block.attention, block.feedForward)
      let branches = [block.attentionNorms, block.feedForwardNorms]
      if branches.contains(where: { $0.before == nil || $0.after != nil || $0.sum != nil })
        || block.isParallel
      {
        refuse("norms or branches in other places", expected: "norms before branches, \(fits)")
      }
      let headNorms = [attention.queryNorm, attention.keyNorm]
      if headNorms.contains(where: { $0?.weight.shape != [self.attention.headDim] }) {
        refuse("no norm of every head of queries and keys", expected: "one, \(fits)")
      }
      let projections =
        [attention.queries, attention.keys, attention.values, attention.output, network.up]
        + [network.gate, network.down].compactMap { $0 }
      if projections.contains(where: { $0.bias != nil }) {
        refuse("biases", expected: "none, \(fits)")
      }
      check((branches.map(\.before) + headNorms + [weights.finalNorm]).compactMap { $0 })
    }
    if weights.embeddingNorm != nil || weights.positions != nil || weights.tokenTypes != nil {
      refuse("embeddings of more than tokens", expected: "those of tokens alone, \(fits)")
    }
  }

  private mutating func check(_ norms: [Norm]) {
    for norm in norms {
      guard case .rms(let epsilon, _) = norm.kind else {
        refuse("layer norms", expected: "RMS norms, as in qwen3")
        return
      }
      if epsilon != GatedDeltaNet.normEpsilon {
        refuse(
          "norms with the epsilon \(epsilon)",
          expected:
            "\(GatedDeltaNet.normEpsilon), which the gated delta nets' norms have: all share one"
        )
      }
    }
  }

  private mutating func checkSizes() {
    if configuration.feedForward != .gated(.silu) {
      refuse("a feed-forward network without SwiGLU", expected: "SwiGLU, as in qwen3")
    }
    let scale = 1 / Float(attention.headDim).squareRoot()
    if abs(attention.scale - scale) > 1e-6 * scale || attention.softCap != nil {
      refuse("scaled or capped attention scores", expected: "those of qwen3")
    }
    if configuration.logits != .identity || configuration.embeddingScale != nil {
      refuse("scaled or capped logits or embeddings", expected: "none, as in qwen3")
    }
    let windows = (0..<configuration.layers).filter {
      !isLinear($0) && configuration.slidingWindows[$0] != nil
    }
    if !windows.isEmpty {
      refuse("a window in layers that kept softmax", expected: "layers that see all keys")
    }
    let plain = RotaryEmbedding(rotaryDim: attention.headDim, theta: theta)
    guard case .rotary(let layers) = configuration.positions,
      layers.allSatisfy({ $0 == plain })
    else {
      refuse(
        "scaled, partial or no rotary positions", expected: "the same plain ones in every layer")
      return
    }
  }
}
