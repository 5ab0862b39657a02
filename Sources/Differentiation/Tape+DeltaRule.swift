import Operations
import TensorCore

extension Tape {
  /// See `Operations.deltaRule`; the final states and the initial ones pass gradients on.
  public func deltaRule(
    queries: Variable, keys: Variable, values: Variable, removals: Variable, writes: Variable,
    decay: RecurrentDecay<Variable>, shape: RecurrentShape, layout: SequenceLayout,
    initial: RecurrentState<Variable>? = nil
  ) -> RecurrentOutput<Variable> {
    let decays = decay.map(\.value)
    let before = initial?.map(\.value)
    let inputs =
      [queries, keys, values, removals, writes] + decay.operands + (initial?.tensors ?? [])
    let (result, saved) = Operations.deltaRule(
      queries: queries.value, keys: keys.value, values: values.value, removals: removals.value,
      writes: writes.value, decay: decays, shape: shape, layout: layout, initial: before,
      savesForGradients: isRecording && inputs.contains { $0.requiresGradient })
    let variables = record(inputs, outputs: [result.numerator, result.final.sums]) { gradients in
      let found = deltaRuleGradients(
        output: gradients[0], final: gradients[1], queries: queries.value, keys: keys.value,
        values: values.value, removals: removals.value, writes: writes.value, decay: decays,
        saved: saved!, shape: shape, layout: layout, initial: before)
      return [found.queries, found.keys, found.values, found.removals, found.writes]
        + (found.decay.map { [$0] } ?? []) + (initial == nil ? [] : [found.initial.sums])
    }
    return RecurrentOutput(
      numerator: variables[0], denominator: nil, final: RecurrentState(sums: variables[1]))
  }
}
