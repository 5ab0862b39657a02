import Differentiation
import Operations
import Students

extension DecoderLayer {
  /// What the layer's attention adds to the residual stream, `[tokens, hiddenSize]`: projections,
  /// mixer and output projection.
  ///
  /// - Parameters:
  ///   - normed: of `attentionInput`.
  ///   - firstValues: the pass's, for all its layers.
  public func attention(
    _ normed: Variable, layout: SequenceLayout, positions: [Int32], firstValues: FirstValues,
    on tape: Tape
  ) -> Variable {
    let input = projections(
      normed, layout: layout, positions: positions, firstValues: firstValues, on: tape)
    return attentionOutput(mixer.mix(input, on: tape), on: tape)
  }
}
