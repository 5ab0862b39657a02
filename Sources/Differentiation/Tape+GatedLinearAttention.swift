import Operations
import TensorCore

extension Tape {
  /// See `Operations.gatedLinearAttention`; what it gives and the initial state pass gradients on.
  public func gatedLinearAttention(
    queries: Variable, keys: Variable, values: Variable, decay: RecurrentDecay<Variable>,
    shape: RecurrentShape, layout: SequenceLayout, initial: RecurrentState<Variable>? = nil,
    isNormalized: Bool = false, isCausal: Bool = true
  ) -> RecurrentOutput<Variable> {
    let decays = decay.map(\.value)
    let before = initial?.map(\.value)
    let result = Operations.gatedLinearAttention(
      queries: queries.value, keys: keys.value, values: values.value, decay: decays, shape: shape,
      layout: layout, initial: before, isNormalized: isNormalized, isCausal: isCausal)
    let variables = record(
      [queries, keys, values] + decay.operands + (initial?.tensors ?? []), outputs: result.tensors
    ) { gradients in
      let found = gatedLinearAttentionGradients(
        numerator: gradients[0], denominator: isNormalized ? gradients[2] : nil,
        final: RecurrentState(
          sums: gradients[1], normalizer: isNormalized ? gradients[3] : nil as Tensor??),
        queries: queries.value, keys: keys.value, values: values.value, decay: decays,
        shape: shape, layout: layout, initial: before, isNormalized: isNormalized,
        isCausal: isCausal)
      return [found.queries, found.keys, found.values] + (found.decay.map { [$0] } ?? [])
        + (initial == nil ? [] : found.initial.tensors)
    }
    return RecurrentOutput(
      numerator: variables[0], denominator: isNormalized ? variables[2] : nil,
      final: RecurrentState(
        sums: variables[1], normalizer: isNormalized ? variables[3] : nil))
  }
}

extension RecurrentDecay {
  /// None or one.
  var operands: [Operand] { operand.map { [$0] } ?? [] }
}

extension RecurrentState {
  /// The sums, and the normaliser where there is one.
  var tensors: [Operand] { [sums] + (normalizer.map { [$0] } ?? []) }
}

extension RecurrentOutput {
  /// Numerators and sums, and where outputs are normalised denominators and normaliser.
  var tensors: [Operand] {
    [numerator, final.sums] + [denominator, final.normalizer].compactMap { $0 }
  }
}
