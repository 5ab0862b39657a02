import Differentiation
import Operations
import Students

extension DecoderLayer {
  /// What the layer's attention adds to the residual stream, `[tokens, hiddenSize]`: projections,
  /// mixer and output projection.
  ///
  /// - Parameter normed: of `attentionInput`.
  public func attention(_ normed: Variable, _ pass: ForwardPass) -> Variable {
    attentionOutput(mixer.forward(projections(normed, pass), on: pass.tape), on: pass.tape)
  }
}
