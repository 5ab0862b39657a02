/// A run of positions that attend to each other and count from 0: a document, or a piece of one.
public struct SequenceSegment: Sendable, Equatable {
  /// The first position, counted from the start of the sequence or batch.
  public var start: Int
  /// Positions, at least one in packed sequences.
  public var count: Int

  /// A run of `count` positions from `start`.
  public init(start: Int, count: Int) {
    self.start = start
    self.count = count
  }

  /// The positions of the run.
  public var range: Range<Int> { start..<start + count }
}

/// Tokens of one sequence and what is learned from them. Positions outside of every segment are
/// padding.
public struct PackedSequence: Sendable, Equatable {
  /// The label of a position that is not learned.
  public static let ignoredLabel: Int32 = -100

  /// Ids, padding included: `[sequenceLength]`.
  public let tokens: [Int32]
  /// Where a position is learned the token it holds itself, elsewhere -100: not yet shifted.
  public let labels: [Int32]
  /// In rising order, without overlap.
  public let segments: [SequenceSegment]

  /// A sequence; `labels` has an entry for every token.
  public init(tokens: [Int32], labels: [Int32], segments: [SequenceSegment]) {
    precondition(
      tokens.count == labels.count, "\(tokens.count) tokens, but \(labels.count) labels")
    self.tokens = tokens
    self.labels = labels
    self.segments = segments
  }

  /// For each position the label of the next one in its segment, which the model is to predict
  /// there; -100 at the end of a segment. So the first token of a segment is never a target,
  /// whatever its label.
  public var targets: [Int32] { shifted(labels, within: segments) }

  /// Positions that have a target.
  var targetCount: Int {
    segments.reduce(0) { count, segment in
      count + labels[segment.range].dropFirst().count { $0 != Self.ignoredLabel }
    }
  }
}

/// Sequences of one length, one row after the other.
public struct PackedBatch: Sendable, Equatable {
  /// Sequences in the batch.
  public let rows: Int
  /// Tokens of every sequence, padding included.
  public let sequenceLength: Int
  /// `[rows × sequenceLength]`, as are `labels`.
  public let tokens: [Int32]
  /// What is learned at each position, -100 for nothing; not yet shifted.
  public let labels: [Int32]
  /// Starts count from the first position of the first row.
  public let segments: [SequenceSegment]

  /// A batch of sequences of one length; empty for none.
  public init(_ sequences: [PackedSequence]) {
    let length = sequences.first?.tokens.count ?? 0
    precondition(
      sequences.allSatisfy { $0.tokens.count == length },
      "a batch needs sequences of one length, found \(Set(sequences.map(\.tokens.count)).sorted())")
    rows = sequences.count
    sequenceLength = length
    tokens = sequences.flatMap(\.tokens)
    labels = sequences.flatMap(\.labels)
    segments = sequences.enumerated().flatMap { row, sequence in
      sequence.segments.map { SequenceSegment(start: row * length + $0.start, count: $0.count) }
    }
  }

  private init(tokens: [Int32], labels: [Int32], segments: [SequenceSegment]) {
    rows = 1
    sequenceLength = tokens.count
    self.tokens = tokens
    self.labels = labels
    self.segments = segments
  }

  /// The segments alone, one behind the other in one row.
  public var withoutPadding: PackedBatch {
    var start = 0
    return PackedBatch(
      tokens: segments.flatMap { tokens[$0.range] }, labels: segments.flatMap { labels[$0.range] },
      segments: segments.map { segment in
        defer { start += segment.count }
        return SequenceSegment(start: start, count: segment.count)
      })
  }

  /// As of `PackedSequence`, `[rows × sequenceLength]`.
  public var targets: [Int32] { shifted(labels, within: segments) }
}

private func shifted(_ labels: [Int32], within segments: [SequenceSegment]) -> [Int32] {
  var targets = [Int32](repeating: PackedSequence.ignoredLabel, count: labels.count)
  for segment in segments {
    for position in segment.range.dropLast() { targets[position] = labels[position + 1] }
  }
  return targets
}
