import CVectorKernels
import TensorCore

/// How the rows of a segment become one.
public enum SegmentPooling: String, Sendable, CaseIterable {
  /// Their mean (Sentence-BERT, arXiv 1908.10084, section 3).
  case mean
  /// The first of them: BERT's `[CLS]`.
  case first
}

/// One row for every segment of the layout, in order: `[segments, width]`. Padding takes no part.
///
/// - Parameter x: `[rows, width]`.
public func pooledSegments(_ x: Tensor, layout: SequenceLayout, _ pooling: SegmentPooling)
  -> Tensor
{
  let width = x.shape[1]
  precondition(x.shape[0] == layout.rows, "\(x.shape) for \(layout.rows) rows")
  var pooled = Tensor(zeros: [layout.segments.count, width])
  withPointers(writing(&pooled), x) { pooled, x in
    for (index, segment) in layout.segments.enumerated() {
      let (rows, factor) = pooling.rows(of: segment)
      for row in rows { vk_add_scaled(pooled + index * width, x + row * width, factor, width) }
    }
  }
  return pooled
}

/// Gradient of `pooledSegments`, `[rows, width]`, zero on padding.
///
/// - Parameter gradient: `[segments, width]`.
public func pooledSegmentsGradient(
  _ gradient: Tensor, layout: SequenceLayout, _ pooling: SegmentPooling
) -> Tensor {
  let width = gradient.shape[1]
  precondition(gradient.shape[0] == layout.segments.count, "\(gradient.shape) for \(layout)")
  var result = Tensor(zeros: [layout.rows, width])
  withPointers(writing(&result), gradient) { result, gradient in
    for (index, segment) in layout.segments.enumerated() {
      let (rows, factor) = pooling.rows(of: segment)
      for row in rows {
        vk_scale(gradient + index * width, result + row * width, factor, width)
      }
    }
  }
  return result
}

extension SegmentPooling {
  /// Rows that take part, and the factor of each.
  fileprivate func rows(of segment: SequenceLayout.Segment) -> (Range<Int>, Float) {
    switch self {
    case .mean: (segment.rows, 1 / Float(segment.count))
    case .first: (segment.start..<segment.start + 1, 1)
    }
  }
}
