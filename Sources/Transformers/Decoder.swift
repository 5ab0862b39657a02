import Differentiation
import Operations
import Students
import TensorCore

/// A decoder-only transformer: a teacher, or a student after some layers were given another mixer.
public final class Decoder {
  public let configuration: DecoderConfiguration
  public let weights: DecoderWeights
  public let layers: [DecoderLayer]

  public init(configuration: DecoderConfiguration, weights: DecoderWeights) {
    self.configuration = configuration
    self.weights = weights
    layers = weights.blocks.enumerated().map {
      DecoderLayer(index: $0, weights: $1, configuration: configuration)
    }
  }

  /// Embeddings of the tokens, `[tokens, hiddenSize]`.
  ///
  /// - Precondition: ids are below the vocabulary size, learned positions within their table.
  public func embed(_ tokens: [Int32], layout: SequenceLayout) -> Tensor {
    precondition(tokens.count == layout.rows, "\(tokens.count) tokens for \(layout.rows) rows")
    var x = embedding(tokens, table: weights.embedding)
    if let positions = weights.positions {
      accumulate(embedding(layout.positions, table: positions), into: &x)
    }
    return x
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
    let positions = layout.positions
    var x = tape.constant(embed(tokens, layout: layout))
    for layer in layers {
      observe(x.value)
      if isCheckpointed {
        x = tape.checkpointed(x) { tape, x in
          layer.forward(x, layout: layout, positions: positions, on: tape)
        }
      } else {
        x = layer.forward(x, layout: layout, positions: positions, on: tape)
      }
    }
    observe(x.value)
    return finalNorm(x, on: tape)
  }

  public func finalNorm(_ x: Variable, on tape: Tape) -> Variable {
    normalized(x, weights.finalNorm, configuration.normalization, on: tape)
  }

  /// `[tokens, vocabularySize]` in full: for few tokens.
  public func logits(_ hidden: Tensor) -> Tensor { frozenLinear(hidden, weights.head) }

  /// Every trained tensor with its checkpoint name, `model.layers.N.self_attn.…`.
  public var parameters: [(name: String, parameter: Parameter)] {
    layers.flatMap { layer in
      layer.parameters.map { ("model.layers.\(layer.index).self_attn.\($0.name)", $0) }
    }
  }
}

func normalized(
  _ x: Variable, _ norm: NormWeights, _ kind: DecoderConfiguration.Normalization, on tape: Tape
) -> Variable {
  switch kind {
  case .rms(let epsilon):
    tape.rmsNorm(x, weight: tape.constant(norm.weight), epsilon: epsilon)
  case .layer(let epsilon):
    tape.layerNorm(
      x, weight: tape.constant(norm.weight), bias: tape.constant(norm.bias!), epsilon: epsilon)
  }
}
