import Documents
import Operations
import Students
import TensorCore
import Transformers

/// A hybrid that is to become a model of another program: softmax in some layers, one kind of linear
/// mixer in the others. Says what of it such a model does not compute, each with what would fit.
struct NativeHybrid {
  /// What is common to the layers of the other program's model.
  struct Rules {
    /// Of the linear layers, and several of them.
    let mixer, mixers: String
    /// A family with blocks as they have to be.
    let family: String
    /// Of every norm.
    let epsilon: Float
    /// Whether queries and keys of softmax layers are normalised head by head; not at all otherwise.
    let normsHeads: Bool
    /// Whether the file says how attention scores are scaled.
    let tellsScale: Bool
    /// Whether rotary positions may be scaled, as `linear` and `llama3` scale them.
    let scalesPositions: Bool
  }

  let decoder: Decoder
  private let rules: Rules
  private(set) var refusals: [(found: String, expected: String)] = []

  /// - Parameter document: the recipe's student with every default spelled.
  init(_ decoder: Decoder, _ document: JSONValue, _ rules: Rules) {
    self.decoder = decoder
    self.rules = rules
    if document["mixer"]?.stringValue != rules.mixer {
      refuse(
        "the mixer \(document["mixer"]?.stringValue ?? "window-memory")", expected: rules.mixer)
    }
    checkLayers()
    checkBlocks()
    checkSizes()
  }

  var configuration: DecoderConfiguration { decoder.configuration }
  var attention: AttentionShape { decoder.configuration.attention }

  /// Whether a layer has a linear mixer.
  func isLinear(_ layer: Int) -> Bool { decoder.convertedLayers.contains(layer) }

  /// Of every layer; nil without any.
  var rotary: RotaryEmbedding? {
    guard case .rotary(let layers) = configuration.positions else { return nil }
    return layers.compactMap { $0 }.first
  }

  /// Of the base of rotary positions.
  var theta: Double { rotary?.theta ?? 10_000 }

  /// Of every norm, to the digits that it is written with.
  var epsilon: Double { Double(rules.epsilon.description) ?? Double(rules.epsilon) }

  mutating func refuse(_ found: String, expected: String) {
    if !refusals.contains(where: { $0.found == found }) { refusals.append((found, expected)) }
  }

  // MARK: Tensors

  /// What a layer's mixer has of its own, by name.
  func parameters(_ layer: Int) -> [String: Tensor] {
    Dictionary(
      uniqueKeysWithValues: decoder.layers[layer].mixer.parameters.map { ($0.name, $0.value) })
  }

  /// Rows of key or value heads once for every query head.
  func repeated(_ weight: StoredTensor) -> StoredTensor {
    if attention.group == 1 { return weight }
    let rows = (0..<attention.queryWidth).map { row in
      let head = row / attention.headDim / attention.group
      return Int32(head * attention.headDim + row % attention.headDim)
    }
    return weight.selectingRows(rows)
  }

  /// Rows of matrices one after the other.
  static func joined(_ parts: [StoredTensor]) -> Tensor {
    var start = 0
    let placed = parts.map { part in
      defer { start += part.shape[0] }
      return (rows: start..<start + part.shape[0], tensor: part.widened())
    }
    return joinedRows(placed, rows: start, width: parts[0].rowLength)
  }

  /// The taps of a mixer's convolution, `[channels, 4]`.
  static func taps(_ weight: Tensor) -> StoredTensor {
    StoredTensor(weight.reshaped([weight.shape[0], weight.shape[2]]))
  }

  /// As a norm multiplies, whatever its family adds to the weights.
  static func weight(_ norm: Norm) -> Tensor {
    guard case .rms(_, let offset) = norm.kind, offset != 0 else { return norm.weight.tensor }
    return affine(norm.weight.tensor, scale: 1, offset: offset)
  }

  // MARK: What fits

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
    let fits = "as in \(rules.family)"
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
      checkHeads(headNorms)
      let projections =
        [attention.queries, attention.keys, attention.values, attention.output, network.up]
        + [network.gate, network.down].compactMap { $0 }
      if projections.contains(where: { $0.bias != nil }) {
        refuse("biases", expected: "none, \(fits)")
      }
      check((branches.map(\.before) + headNorms + [weights.finalNorm]).compactMap { $0 })
    }
    if weights.finalNorm == nil {
      refuse("no norm before the head", expected: "one, \(fits)")
    }
    if weights.embeddingNorm != nil || weights.positions != nil || weights.tokenTypes != nil {
      refuse("embeddings of more than tokens", expected: "those of tokens alone, \(fits)")
    }
  }

  private mutating func checkHeads(_ norms: [Norm?]) {
    if rules.normsHeads, norms.contains(where: { $0?.weight.shape != [attention.headDim] }) {
      refuse(
        "no norm of every head of queries and keys", expected: "one, as in \(rules.family)")
    }
    if !rules.normsHeads, norms.contains(where: { $0 != nil }) {
      refuse("norms of queries and keys", expected: "none, as in \(rules.family)")
    }
  }

  private mutating func check(_ norms: [Norm]) {
    for norm in norms {
      guard case .rms(let epsilon, _) = norm.kind else {
        refuse("layer norms", expected: "RMS norms, as in \(rules.family)")
        return
      }
      if epsilon != rules.epsilon {
        refuse(
          "norms with the epsilon \(epsilon)",
          expected: "\(rules.epsilon), which the \(rules.mixers)' norms have: all share one")
      }
    }
  }

  private mutating func checkSizes() {
    let fits = "as in \(rules.family)"
    if configuration.feedForward != .gated(.silu) {
      refuse("a feed-forward network without SwiGLU", expected: "SwiGLU, \(fits)")
    }
    let scale = 1 / Float(attention.headDim).squareRoot()
    if attention.softCap != nil || !rules.tellsScale && abs(attention.scale - scale) > 1e-6 * scale
    {
      refuse(
        rules.tellsScale ? "capped attention scores" : "scaled or capped attention scores",
        expected: "those of \(rules.family)")
    }
    if configuration.logits != .identity || configuration.embeddingScale != nil {
      refuse("scaled or capped logits or embeddings", expected: "none, \(fits)")
    }
    let windows = (0..<configuration.layers).filter {
      !isLinear($0) && configuration.slidingWindows[$0] != nil
    }
    if !windows.isEmpty {
      refuse("a window in layers that kept softmax", expected: "layers that see all keys")
    }
    checkPositions()
  }

  private mutating func checkPositions() {
    let expected = "the same \(rules.scalesPositions ? "" : "plain ")ones in every layer"
    guard case .rotary(let layers) = configuration.positions, let first = rotary,
      layers.allSatisfy({ $0 == first }), first.rotaryDim == attention.headDim
    else {
      refuse("partial, differing or no rotary positions", expected: expected)
      return
    }
    switch first.scaling {
    case .none: break
    case .linear where rules.scalesPositions, .llama3 where rules.scalesPositions: break
    default:
      refuse(
        "scaled rotary positions",
        expected: rules.scalesPositions ? "plain ones, linear or llama3" : expected)
    }
  }
}
