import Documents
import Operations
import TensorCore
import Transformers

/// What RAD-RWKV6 and RAD-RWKV7 have in common in llama.cpp's files: the teacher's tables, norms and
/// feed-forward networks around the mixers.
struct GGUFStudent {
  var model: GGUFModel
  let decoder: Decoder
  let configuration: DecoderConfiguration
  /// The recipe's student with every default spelled.
  let document: JSONValue

  init(_ decoder: Decoder, _ document: JSONValue, architecture: String) {
    self.decoder = decoder
    self.document = document
    configuration = decoder.configuration
    model = GGUFModel(architecture: architecture)
    describe()
    checkTeacher()
  }

  private mutating func describe() {
    model.describe(configuration, context: 1_048_576)
    model.describeNorms(of: decoder)
    model.set("wkv.head_size", .integer(configuration.attention.headDim))
    model.set("token_shift_count", 1)
    // llama.cpp wants the key and does not use it.
    model.set("attention.head_count", 0)
  }

  /// What llama.cpp computes around the mixers is Llama's and Qwen 2's block.
  private mutating func checkTeacher() {
    let fits = "llama, mistral, qwen2"
    let attention = configuration.attention
    for block in decoder.weights.blocks {
      let norms = [block.attentionNorms, block.feedForwardNorms]
      if norms.contains(where: { $0.before == nil || $0.after != nil || $0.sum != nil }) {
        model.refuse("norms behind a branch", expected: "norms before it, as in \(fits)")
      }
      if case .layer = block.attentionNorms.before?.kind {
        model.refuse("layer norms", expected: "RMS norms, as in \(fits)")
      }
      if block.attention.queryNorm != nil || block.attention.keyNorm != nil {
        model.refuse("norms of queries and keys", expected: "none, as in \(fits)")
      }
      if block.attention.output.bias != nil {
        model.refuse("a bias of the output projection", expected: "none, as in \(fits)")
      }
      let network = block.feedForward
      if [network.gate, network.up, network.down].contains(where: { $0?.bias != nil }) {
        model.refuse("biases of the feed-forward network", expected: "none, as in \(fits)")
      }
      if block.isParallel {
        model.refuse("branches in parallel", expected: "one after the other, as in \(fits)")
      }
    }
    if configuration.feedForward != .gated(.silu) {
      model.refuse("a feed-forward network without SwiGLU", expected: "SwiGLU, as in \(fits)")
    }
    if configuration.positions == .learned {
      model.refuse("learned positions", expected: "rotary ones in the teacher, as in \(fits)")
    }
    if configuration.logits != .identity || configuration.embeddingScale != nil {
      model.refuse("scaled or capped logits or embeddings", expected: "none, as in \(fits)")
    }
    if attention.queryWidth != configuration.hiddenSize {
      model.refuse(
        "\(attention.queryHeads) heads of \(attention.headDim) in a model \(configuration.hiddenSize) wide",
        expected: "heads that together are as wide as the model")
    }
    if decoder.convertedLayers.count != configuration.layers {
      let kept = (0..<configuration.layers).filter { !decoder.convertedLayers.contains($0) }
      model.refuse(
        "softmax in the layers \(kept.map(String.init).joined(separator: ", "))",
        expected: "every layer converted, no softmaxLayers")
    }
  }

  // MARK: The recipe's student

  func isSet(_ key: String) -> Bool { document[key]?.boolValue ?? false }

  /// Whether an option is as it has to be.
  mutating func require(_ key: String, _ value: Bool) {
    if isSet(key) != value { model.refuse("\(key) \(!value)", expected: "\(key) \(value)") }
  }

  var gate: Int { document["gateRankType"]?.intValue ?? 0 }

  // MARK: Tensors

  /// Parameters of a layer's mixer by their names.
  func parameters(_ layer: Int) -> [String: Tensor] {
    Dictionary(
      uniqueKeysWithValues: decoder.layers[layer].parameters.map { ($0.name, $0.value) })
  }

  mutating func addTables() { model.addTables(of: decoder, needsHead: true) }

  mutating func addBlock(_ layer: Int) {
    let block = decoder.weights.blocks[layer]
    let prefix = "blk.\(layer)."
    model.add("\(prefix)attn_norm", block.attentionNorms.before)
    model.add("\(prefix)ffn_norm", block.feedForwardNorms.before)
    if let gate = block.feedForward.gate {
      model.add("\(prefix)ffn_gate.weight", gate.weight.stored)
    }
    model.add("\(prefix)ffn_up.weight", block.feedForward.up.weight.stored)
    model.add("\(prefix)ffn_down.weight", block.feedForward.down.weight.stored)
  }

  /// A small matrix or vector of a mixer, in 32-bit floats.
  mutating func add(_ layer: Int, _ name: String, _ tensor: Tensor) {
    model.add("blk.\(layer).time_mix_\(name)", StoredTensor(tensor), keepsFloats: true)
  }

  /// A projection, its numbers multiplied.
  mutating func add(_ layer: Int, _ name: String, _ stored: StoredTensor, times factor: Float) {
    if factor == 1 {
      model.add("blk.\(layer).time_mix_\(name).weight", stored)
    } else {
      model.add("blk.\(layer).time_mix_\(name).weight", shape: stored.shape) {
        affine(stored.widened(), scale: factor, offset: 0)
      }
    }
  }
}
