import Documents
import Foundation
import Operations
import TensorCore

/// What llama.cpp's code for an architecture computes beyond what its files say, so that a model
/// which differs is refused instead of run as another one.
struct GGUFArchitecture: Sendable {
  /// Queries, keys and values are one tensor.
  var fusesProjections = false
  /// Gate and up are one tensor.
  var fusesGate = false
  /// Rotary positions turn neighbours, so that rows of queries and keys are stored in that order.
  var rotatesNeighbours = false
  /// llama.cpp does not take the embeddings for the head.
  var needsHead = false
  /// Parts of a block that may have a bias: `attn_q`.
  var biases: Set<String> = []
  var activations: [Activation] = [.silu]
  /// One layer in so many sees all keys, the others a window; nil: all layers see all keys.
  var windowPeriod: Int?
  /// One layer in so many knows no positions.
  var unrotatedPeriod: Int?
  /// Divisors of frequencies are read from a tensor.
  var readsDivisors = false
  /// Factors of Phi-3's frequencies are read from tensors.
  var readsLongFactors = false
  /// Bounds of scores and of logits are read.
  var readsCaps: (scores: Bool, logits: Bool) = (false, false)
  /// Both branches of a block may read what enters it, and a key says so.
  var tellsParallel = false
  /// Embeddings are multiplied by the root of their width.
  var scalesEmbeddings = false
  /// Layers of the model whose queries are scaled by the width over the heads.
  var unusuallyScaled: Int?
}

extension TeacherFamilies {
  /// A decoder with softmax in every layer, no adapters apart, as llama.cpp's files hold its family.
  /// What such a file has no place for is among the result's refusals.
  public static func gguf(_ decoder: Decoder) -> GGUFModel {
    let name = decoder.configuration.family
    guard let family = all.first(where: { $0.modelType == name }), let layout = family.gguf else {
      var model = GGUFModel(architecture: name)
      let known = all.filter { $0.gguf != nil }.map { $0.modelType }
      model.refuse("the family \(name)", expected: known.joined(separator: ", "))
      return model
    }
    var writer = GGUFTeacherWriter(decoder, layout)
    writer.write()
    return writer.model
  }
}

private struct GGUFTeacherWriter {
  var model: GGUFModel
  private let decoder: Decoder
  private let configuration: DecoderConfiguration
  private let rules: GGUFArchitecture

  init(_ decoder: Decoder, _ layout: GGUFLayout) {
    self.decoder = decoder
    configuration = decoder.configuration
    rules = layout.rules
    model = GGUFModel(architecture: layout.architecture)
  }

  mutating func write() {
    describe()
    model.addTables(of: decoder, needsHead: rules.needsHead)
    describePositions()
    for (index, block) in decoder.weights.blocks.enumerated() { add(block, index) }
  }

  private mutating func describe() {
    let attention = configuration.attention
    let windows = configuration.slidingWindows.compactMap { $0 }
    var context = configuration.maximumPositions
    if rules.windowPeriod == nil {
      // Its code knows no windows: it computes the same until they count.
      context = min(context, windows.min() ?? context)
    }
    model.describe(configuration, context: context)
    model.describeNorms(of: decoder)
    model.set("attention.head_count", .integer(attention.queryHeads))
    model.set("attention.head_count_kv", .integer(attention.keyValueHeads))
    model.set("attention.key_length", .integer(attention.headDim))
    model.set("attention.value_length", .integer(attention.headDim))
    if let window = windows.first { model.set("attention.sliding_window", .integer(window)) }
    if rules.tellsParallel {
      model.set("use_parallel_residual", .bool(decoder.weights.blocks[0].isParallel))
    }
    if let cap = attention.softCap {
      if rules.readsCaps.scores {
        model.set("attn_logit_softcapping", .number(Double(cap)))
      } else {
        model.refuse("a soft cap of attention scores", expected: "none")
      }
    }
    if let cap = configuration.logits.cap {
      if rules.readsCaps.logits {
        model.set("final_logit_softcapping", .number(Double(cap)))
      } else {
        model.refuse("a soft cap of logits", expected: "none")
      }
    }
    checkFactors()
    if !rules.activations.contains(configuration.feedForward.activation) {
      model.refuse(
        "the activation \(configuration.feedForward.activation.rawValue)",
        expected: rules.activations.map(\.rawValue).joined(separator: ", "))
    }
    checkWindows(windows)
  }

  private mutating func checkFactors() {
    let attention = configuration.attention
    if configuration.logits.scale != 1 { model.refuse("scaled logits", expected: "none") }
    let isUnusual = rules.unusuallyScaled == configuration.layers
    let width = isUnusual ? configuration.hiddenSize / attention.queryHeads : attention.headDim
    let scale = 1 / Double(width).squareRoot()
    if abs(Double(attention.scale) - scale) > 1e-6 * scale {
      model.refuse(
        "attention scores scaled by \(attention.scale)", expected: "\(scale), of the heads' size")
    }
    let expected = rules.scalesEmbeddings ? Double(configuration.hiddenSize).squareRoot() : 1
    let found = Double(configuration.embeddingScale ?? 1)
    if abs(found - expected) > 1e-6 * expected {
      model.refuse("embeddings scaled by \(found)", expected: "\(expected)")
    }
  }

  private mutating func checkWindows(_ windows: [Int]) {
    guard let period = rules.windowPeriod, let window = windows.first else { return }
    let expected = (0..<configuration.layers).map { ($0 + 1) % period == 0 ? nil : window }
    if configuration.slidingWindows != expected {
      model.refuse(
        "windows in another pattern",
        expected: "one size, and no window in every layer of \(period)")
    }
  }

  // MARK: Positions

  private mutating func describePositions() {
    guard case .rotary(let layers) = configuration.positions else { return }
    let isWhole = { (period: Int?, layer: Int) in period.map { (layer + 1) % $0 == 0 } ?? false }
    for (index, layer) in layers.enumerated()
    where (layer == nil) != isWhole(rules.unrotatedPeriod, index) {
      let kept = rules.unrotatedPeriod.map { "every layer of \($0)" } ?? "no layer"
      model.refuse(
        "layers without positions in another pattern", expected: "\(kept) without positions")
      return
    }
    // Layers with a window may have positions of their own.
    let local = layers.indices.filter { !isWhole(rules.windowPeriod, $0) }.compactMap { layers[$0] }
    let global = layers.indices.filter { isWhole(rules.windowPeriod, $0) }.compactMap { layers[$0] }
    for kinds in [local, global] where kinds.contains(where: { $0 != kinds[0] }) {
      model.refuse("layers that rotate differently", expected: "one kind of rotary positions")
    }
    if rules.windowPeriod != nil, let rotary = local.first { describeLocal(rotary) }
    if let rotary = global.first ?? local.first { describe(rotary) }
  }

  /// Of layers with a window.
  private mutating func describeLocal(_ rotary: RotaryEmbedding) {
    model.set("rope.freq_base_swa", .number(rotary.theta))
    if rotary.scaling != .none {
      model.refuse("scaled positions in layers with a window", expected: "none")
    }
  }

  private mutating func describe(_ rotary: RotaryEmbedding) {
    model.set("rope.freq_base", .number(rotary.theta))
    model.set("rope.dimension_count", .integer(rotary.rotaryDim))
    if rules.rotatesNeighbours, rotary.rotaryDim != configuration.attention.headDim {
      model.refuse("heads rotated in part", expected: "whole heads")
    }
    switch rotary.scaling {
    case .none: break
    case .linear(let factor):
      model.set("rope.scaling.type", "linear")
      model.set("rope.scaling.factor", .number(factor))
    case .llama3:
      guard rules.readsDivisors else {
        model.refuse("Llama 3's scaling of positions", expected: "none, or linear")
        return
      }
      model.addDivisors(of: rotary)
    case .dynamic:
      model.refuse(
        "a rotary base that grows with the text (rope_type dynamic)", expected: "none, or linear")
    case .yarn(let factor, let fast, let slow, let originalContext, let isTruncated, let amplitude):
      guard isTruncated else {
        model.refuse("YaRN whose ramp ends between pairs", expected: "truncate true")
        return
      }
      // Its files have keys for them, which it reads over.
      guard fast == 32, slow == 1 else {
        model.refuse(
          "YaRN with beta_fast \(fast) and beta_slow \(slow)",
          expected: "32 and 1, which llama.cpp always takes")
        return
      }
      model.set("rope.scaling.type", "yarn")
      model.set("rope.scaling.factor", .number(factor))
      model.set("rope.scaling.original_context_length", .integer(Int(originalContext)))
      // llama.cpp multiplies what the factor alone gives.
      let usual = factor <= 1 ? 1 : 1 + 0.1 * log(factor)
      if abs(amplitude - usual) > 1e-6 * usual {
        model.set("rope.scaling.attn_factor", .number(amplitude / usual))
      }
    case .longRope(let short, let long, let originalContext, let amplitude):
      guard rules.readsLongFactors else {
        model.refuse("LongRoPE", expected: "none, or linear")
        return
      }
      model.set("rope.scaling.original_context_length", .integer(originalContext))
      model.set("rope.scaling.attn_factor", .number(amplitude))
      for (name, factors) in [("long", long), ("short", short)] {
        model.add(
          "rope_factors_\(name).weight",
          StoredTensor(Tensor(factors.map { Float($0) }, [factors.count])))
      }
    }
  }

  // MARK: Blocks

  private mutating func add(_ block: Block, _ index: Int) {
    let prefix = "blk.\(index)."
    let attention = block.attention
    model.add("\(prefix)attn_norm", block.attentionNorms.before)
    model.add("\(prefix)post_attention_norm", block.attentionNorms.after)
    if rules.fusesProjections {
      add(prefix, "attn_qkv", [attention.queries, attention.keys, attention.values])
    } else {
      let shape = configuration.attention
      add(prefix, "attn_q", rotated(attention.queries, heads: shape.queryHeads))
      add(prefix, "attn_k", rotated(attention.keys, heads: shape.keyValueHeads))
      add(prefix, "attn_v", part(attention.values))
    }
    add(prefix, "attn_output", part(attention.output))
    model.add("\(prefix)attn_q_norm", attention.queryNorm)
    model.add("\(prefix)attn_k_norm", attention.keyNorm)
    model.add("\(prefix)ffn_norm", block.feedForwardNorms.before)
    model.add("\(prefix)post_ffw_norm", block.feedForwardNorms.after)
    let network = block.feedForward
    if let gate = network.gate, rules.fusesGate {
      add(prefix, "ffn_up", [gate, network.up])
    } else {
      if let gate = network.gate { add(prefix, "ffn_gate", part(gate)) }
      add(prefix, "ffn_up", part(network.up))
    }
    add(prefix, "ffn_down", part(network.down))
  }

  private typealias Part = (weight: StoredTensor, bias: StoredTensor?)

  private func part(_ projection: Projection) -> Part {
    (projection.weight.stored, projection.bias?.stored)
  }

  private func rotated(_ projection: Projection, heads: Int) -> Part {
    let whole = part(projection)
    guard rules.rotatesNeighbours else { return whole }
    let order = GGUFRows.permutation(rows: whole.weight.shape[0], heads: heads)
    return (
      whole.weight.selectingRows(order), whole.bias.flatMap { GGUFRows.ordered($0, order) }
    )
  }

  private mutating func add(_ prefix: String, _ name: String, _ part: Part) {
    model.add("\(prefix)\(name).weight", part.weight)
    guard let bias = part.bias else { return }
    if rules.biases.contains(name) {
      model.add("\(prefix)\(name).bias", bias)
    } else {
      model.refuse(
        "a bias of \(name)",
        expected: rules.biases.isEmpty
          ? "no biases" : "biases of \(rules.biases.sorted().joined(separator: ", ")) alone")
    }
  }

  /// Several projections as one tensor, their rows one after the other.
  private mutating func add(_ prefix: String, _ name: String, _ projections: [Projection]) {
    let weights = projections.map(\.weight.stored)
    let biases = projections.compactMap { $0.bias?.stored }
    let bias =
      biases.count == projections.count
      ? StoredTensor(
        Tensor(biases.flatMap(\.numbers), [biases.reduce(0) { $0 + $1.count }])) : nil
    guard let joined = StoredTensor(joiningRows: weights) else {
      let shape = [weights.reduce(0) { $0 + $1.shape[0] }, weights[0].rowLength]
      model.add("\(prefix)\(name).weight", shape: shape) {
        Tensor(weights.flatMap(\.numbers), Shape(shape))
      }
      if let bias { model.add("\(prefix)\(name).bias", bias) }
      return
    }
    add(prefix, name, (joined, bias))
  }
}
