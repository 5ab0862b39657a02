import TensorCore

extension Memory {
  private static let state = "state"

  /// Adds the state of a recurrent operation of an empty past: one a query head, whatever is read.
  public mutating func addRecurrence(_ shape: RecurrentShape) {
    add(Self.state, RecurrentState(emptyFor: shape).sums)
  }

  /// The state that `addRecurrence` added, that of one sequence.
  public var recurrence: RecurrentState<Tensor> {
    get { RecurrentState(sums: self[Self.state]) }
    set { self[Self.state] = newValue.sums }
  }
}
