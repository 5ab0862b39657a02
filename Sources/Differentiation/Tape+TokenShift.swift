import Operations
import TensorCore

extension Tape {
  /// See `Operations.tokenShiftDifference`. What lies `before` a segment is a constant.
  public func tokenShiftDifference(
    _ x: Variable, layout: SequenceLayout, before: Tensor? = nil
  ) -> Variable {
    record([x], Operations.tokenShiftDifference(x.value, layout: layout, before: before)) {
      [tokenShiftDifferenceGradient($0, layout: layout)]
    }
  }
}
