import TensorCore

/// Which rows of a `[rows, …]` activation belong together.
///
/// Sequences of a batch, documents packed into one sequence, and padding on either side are all
/// the same to attention: rows of one segment see each other, rows outside every segment are
/// padding, take part in nothing and come out as zeros. No mask can leak what no loop visits.
public struct SequenceLayout: Sendable, Equatable {
  /// Rows that see each other: one sequence, or one document of it.
  public struct Segment: Sendable, Equatable {
    /// First row.
    public let start: Int
    /// Rows, in order of position.
    public let count: Int
    /// Position of the first row, for rotary and learned positions.
    public let firstPosition: Int
    /// Tokens of the whole sequence that the rows belong to, before and after them, as far as is
    /// known: some rotary positions depend on it.
    public let context: Int

    /// A segment of `count` rows.
    ///
    /// - Parameter context: the rows are the last ones of their sequence unless it says more.
    public init(start: Int, count: Int, firstPosition: Int = 0, context: Int = 0) {
      self.start = start
      self.count = count
      self.firstPosition = firstPosition
      self.context = max(context, firstPosition + count)
    }

    /// The rows of the segment.
    public var rows: Range<Int> { start..<start + count }
  }

  /// Rows in all, padding included.
  public let rows: Int
  /// Disjoint, ascending.
  public let segments: [Segment]
  /// Position of every row; 0 for padding.
  public let positions: [Int32]

  /// Segments in ascending order within so many rows.
  public init(rows: Int, segments: [Segment]) {
    var end = 0
    for segment in segments {
      precondition(
        segment.start >= end && segment.count > 0, "segments overlap or descend: \(segments)")
      end = segment.start + segment.count
    }
    precondition(end <= rows, "segments reach row \(end) of \(rows)")
    self.rows = rows
    self.segments = segments
    var positions = [Int32](repeating: 0, count: rows)
    for segment in segments {
      for offset in 0..<segment.count {
        positions[segment.start + offset] = Int32(segment.firstPosition + offset)
      }
    }
    self.positions = positions
  }

  /// `sequences` of equal length, one after another, without padding.
  public init(sequences: Int = 1, length: Int) {
    self.init(
      rows: sequences * length,
      segments: (0..<sequences).map { Segment(start: $0 * length, count: length) })
  }

  /// Rows of all segments, so many together, for sums of parts that are added in order and so do not
  /// depend on the number of workers.
  func blocks(of size: Int = 64) -> [Range<Int>] {
    segments.flatMap { segment in
      stride(from: segment.rows.lowerBound, to: segment.rows.upperBound, by: size).map {
        $0..<min($0 + size, segment.rows.upperBound)
      }
    }
  }

  /// Whether a row lies outside every segment.
  public var hasPadding: Bool { segments.reduce(0) { $0 + $1.count } < rows }

  /// Rows outside every segment.
  public var padding: [Range<Int>] {
    var ranges: [Range<Int>] = []
    var end = 0
    for segment in segments {
      if segment.start > end { ranges.append(end..<segment.start) }
      end = segment.start + segment.count
    }
    if end < rows { ranges.append(end..<rows) }
    return ranges
  }
}

/// `x`, `[rows, width]`, with zeros on padding.
public func withoutPadding(_ x: Tensor, layout: SequenceLayout) -> Tensor {
  if !layout.hasPadding { return x }
  precondition(x.shape[0] == layout.rows, "\(x.shape) of \(layout.rows) rows")
  var result = x
  let width = x.shape[-1]
  result.withMutablePointer { zeroPadding(layout, $0, width: width) }
  return result
}
