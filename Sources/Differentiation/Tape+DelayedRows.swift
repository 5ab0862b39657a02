import Operations
import TensorCore

extension Tape {
  /// See `Operations.delayedRows`. What lies `before` a segment is a constant.
  public func delayRows(
    _ x: Variable, by delay: Int, skipping skipped: Int, layout: SequenceLayout,
    before: Tensor? = nil, position: Int = 0
  ) -> Variable {
    let output = delayedRows(
      x.value, by: delay, skipping: skipped, layout: layout, before: before, position: position)
    return record([x], output) {
      [delayedRowsGradient($0, by: delay, skipping: skipped, layout: layout)]
    }
  }
}
