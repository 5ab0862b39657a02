import Differentiation
import Operations
import Students
import TensorCore

/// A layer that a pass has come to, and the residual stream as it arrives there.
public final class LayerVisit {
  /// The layer itself.
  public let layer: DecoderLayer
  /// `[tokens, hiddenSize]`.
  public let stream: Variable
  /// What the pass carries: layout, tape, and what layers share.
  public let pass: ForwardPass
  /// What the layer's projections read, `[tokens, hiddenSize]`.
  public private(set) lazy var normed = layer.attentionInput(stream, on: pass.tape)
  /// Of `normed`.
  public private(set) lazy var input = layer.projections(normed, pass)

  /// A visit of a layer by a pass, with the stream that enters it.
  public init(_ layer: DecoderLayer, stream: Variable, _ pass: ForwardPass) {
    self.layer = layer
    self.stream = stream
    self.pass = pass
  }

  /// The stream behind the layer, `[tokens, hiddenSize]`.
  ///
  /// - Parameter attention: per-head outputs, `[tokens, queryHeads * headDim]`.
  public func finish(attention: Variable) -> Variable {
    layer.finish(stream, attention: attention, on: pass.tape)
  }

  /// The stream behind the layer, `[tokens, hiddenSize]`.
  ///
  /// - Parameter added: of `DecoderLayer.attentionOutput`.
  public func finish(added: Variable) -> Variable {
    layer.finish(stream, added: added, on: pass.tape)
  }

  /// The stream behind the layer as it stands, `[tokens, hiddenSize]`.
  ///
  /// - Parameter isCheckpointed: the layer is computed again in the backward pass instead of kept.
  public func forward(isCheckpointed: Bool = false) -> Variable {
    isCheckpointed ? checkpointed() : finish(attention: layer.mixer.forward(input, on: pass.tape))
  }

  /// The same for the next tokens of one sequence.
  ///
  /// - Parameter memory: the layer's, of that sequence; see `TokenMixer.forward`.
  public func forward(memory: inout Memory?) -> Variable {
    finish(attention: layer.mixer.forward(input, memory: &memory, on: pass.tape))
  }

  /// What the layers share goes in and out of each of them as the stream does.
  private func checkpointed() -> Variable {
    let (layer, layout, shared) = (layer, pass.layout, pass.shared)
    let names = shared.names
    var left: [String] = []
    let results = pass.tape.checkpointed([stream] + names.map { shared[$0]! }) { tape, inputs in
      let known = SharedValues(
        Dictionary(uniqueKeysWithValues: zip(names, inputs.dropFirst())))
      let y = layer.forward(inputs[0], ForwardPass(layout, on: tape, shared: known))
      left = known.names.filter { !names.contains($0) }
      return [y] + left.map { known[$0]! }
    }
    for (name, value) in zip(left, results.dropFirst()) { shared.leave(value, as: name) }
    return results[0]
  }
}

extension Decoder {
  /// Carries a residual stream through layers, in order: the one loop over them, whatever is done
  /// with each.
  ///
  /// - Parameters:
  ///   - x: what the first of them reads, `[tokens, hiddenSize]`.
  ///   - layers: all unless given.
  ///   - step: the stream behind a layer; nil ends the walk there.
  /// - Returns: the stream behind the last layer that gave one.
  @discardableResult
  public func forEachLayer(
    _ x: Variable, _ pass: ForwardPass, in layers: [DecoderLayer]? = nil,
    _ step: (LayerVisit) throws -> Variable?
  ) rethrows -> Variable {
    var x = x
    for layer in layers ?? self.layers {
      layer.enter(pass)
      guard let next = try step(LayerVisit(layer, stream: x, pass)) else { break }
      x = next
    }
    return x
  }

  /// The same from the embeddings of tokens.
  @discardableResult
  public func forEachLayer(
    _ tokens: [Int32], _ pass: ForwardPass, _ step: (LayerVisit) throws -> Variable?
  ) rethrows -> Variable {
    try forEachLayer(embed(tokens, layout: pass.layout, on: pass.tape), pass, step)
  }
}
