import Operations
import TensorCore

extension Tape {
  /// See `Operations.pooledSegments`.
  public func pooledSegments(_ x: Variable, layout: SequenceLayout, _ pooling: SegmentPooling)
    -> Variable
  {
    record([x], Operations.pooledSegments(x.value, layout: layout, pooling)) {
      [pooledSegmentsGradient($0, layout: layout, pooling)]
    }
  }
}
