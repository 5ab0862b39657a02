import Differentiation
import Operations
import Students
import TensorCore

/// A transformer of one stack of blocks, decoder or encoder: a teacher, or a student after some
/// layers were given another mixer.
public final class Decoder {
  /// Sizes of the model.
  public let configuration: DecoderConfiguration
  /// The checkpoint's, and what is the decoder's own.
  public internal(set) var weights: DecoderWeights {
    didSet {
      for (layer, block) in zip(layers, weights.blocks) { layer.block = block }
    }
  }
  /// The blocks, from the embedding upwards.
  public let layers: [DecoderLayer]
  /// What of the checkpoint stays in memory.
  let residency: WeightResidency

  /// A decoder of given weights, with the teacher's softmax in every layer.
  public init(configuration: DecoderConfiguration, weights: DecoderWeights) {
    self.configuration = configuration
    self.weights = weights
    let residency = WeightResidency(weights)
    self.residency = residency
    layers = weights.blocks.enumerated().map {
      DecoderLayer(index: $0, block: $1, configuration: configuration, residency: residency)
    }
  }

  /// Embeddings of the tokens, `[tokens, hiddenSize]`.
  ///
  /// - Precondition: ids are below the vocabulary size, learned positions within their table.
  public func embed(_ tokens: [Int32], layout: SequenceLayout) -> Tensor {
    embed(tokens, layout: layout, on: Tape(isRecording: false)).value
  }

  /// The same on a tape, for embeddings that are trained.
  public func embed(_ tokens: [Int32], layout: SequenceLayout, on tape: Tape) -> Variable {
    precondition(tokens.count == layout.rows, "\(tokens.count) tokens for \(layout.rows) rows")
    var x = tape.embedding(tokens, weights.embedding)
    if let scale = configuration.embeddingScale { x = tape.affine(x, scale: scale) }
    if let positions = weights.positions {
      x = tape.add(x, tape.embedding(layout.positions, positions))
    }
    if let types = weights.tokenTypes {
      x = tape.add(x, tape.embedding([Int32](repeating: 0, count: tokens.count), types))
    }
    return weights.embeddingNorm?(x, on: tape) ?? x
  }

  /// Hidden states after the final norm, `[tokens, hiddenSize]`.
  ///
  /// - Parameters:
  ///   - isCheckpointed: each layer is computed again in the backward pass instead of kept.
  ///   - observe: called with the input of every layer, and with the last layer's output.
  public func hiddenStates(
    _ tokens: [Int32], layout: SequenceLayout, on tape: Tape, isCheckpointed: Bool = false,
    observe: (Tensor) -> Void = { _ in }
  ) -> Variable {
    let pass = ForwardPass(layout, on: tape)
    let x = forEachLayer(tokens, pass) { visit in
      observe(visit.stream.value)
      return visit.forward(isCheckpointed: isCheckpointed)
    }
    observe(x.value)
    return finalNorm(x, on: tape)
  }

  /// The norm behind the last block, where the family has one: `[tokens, hiddenSize]`.
  public func finalNorm(_ x: Variable, on tape: Tape) -> Variable {
    weights.finalNorm?(x, on: tape) ?? x
  }

  /// `[tokens, vocabularySize]` in full: for few tokens.
  ///
  /// - Parameter rowsApart: every row has the bits that it has alone.
  public func logits(_ hidden: Tensor, rowsApart: Bool = false) -> Tensor {
    head.logits(hidden, rowsApart: rowsApart)
  }

  /// `[vocabularySize, hiddenSize]`, as the model computes with it.
  ///
  /// - Precondition: the model is no encoder.
  public var head: LogitHead {
    LogitHead(weights.head!.stored, transform: configuration.logits)
  }

  /// What was drawn for mixers once and is never trained, named as `parameters` are.
  public var constants: [(name: String, value: Tensor)] {
    layers.flatMap { layer in
      layer.mixer.constants.map { ("model.layers.\(layer.index).self_attn.\($0.name)", $0.value) }
    }
  }

  /// Everything that is not the checkpoint's, with its name there: of mixers and adapters
  /// `model.layers.N.self_attn.…`, and the weights that are the decoder's own.
  public var parameters: [(name: String, parameter: Parameter)] {
    layers.flatMap { layer in
      layer.parameters.map { ("model.layers.\(layer.index).self_attn.\($0.name)", $0) }
    } + ownWeights
  }
}
