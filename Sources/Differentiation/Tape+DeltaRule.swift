import Operations
import TensorCore

extension Tape {
  /// See `Operations.deltaRule`.
  public func deltaRule(
    receptances: Variable, logDecays: Variable, keys: Variable, values: Variable,
    removals: Variable, writes: Variable, shape: DeltaRuleShape, layout: SequenceLayout
  ) -> Variable {
    let (output, saved) = Operations.deltaRule(
      receptances: receptances.value, logDecays: logDecays.value, keys: keys.value,
      values: values.value, removals: removals.value, writes: writes.value, shape: shape,
      layout: layout)
    let inputs = [receptances, logDecays, keys, values, removals, writes]
    return record(inputs, output) { gradient in
      let gradients = deltaRuleGradients(
        gradient, receptances: receptances.value, logDecays: logDecays.value, keys: keys.value,
        values: values.value, removals: removals.value, writes: writes.value, saved: saved,
        shape: shape, layout: layout)
      return [
        gradients.receptances, gradients.logDecays, gradients.keys, gradients.values,
        gradients.removals, gradients.writes,
      ]
    }
  }
}
