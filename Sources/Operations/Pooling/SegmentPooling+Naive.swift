extension Naive {
  /// `[segments, width]` of `x`, `[rows, width]`.
  public static func pooledSegments<T: BinaryFloatingPoint>(
    _ x: [T], width: Int, layout: SequenceLayout, _ pooling: SegmentPooling
  ) -> [T] {
    layout.segments.flatMap { segment in
      (0..<width).map { column in
        switch pooling {
        case .mean:
          segment.rows.reduce(T(0)) { $0 + x[$1 * width + column] } / T(segment.count)
        case .first: x[segment.start * width + column]
        }
      }
    }
  }
}
