import Operations

/// Tokens to be scored together, and what is predicted at each of them.
public struct EvaluationSequence: Sendable, Equatable {
  /// Ids, padding included.
  public let tokens: [Int32]
  /// The token that follows within the same document, `ignoredTarget` where nothing is scored.
  public let targets: [Int32]
  /// Documents that see nothing of each other, and padding.
  public let layout: SequenceLayout

  /// A sequence; tokens, targets and rows of the layout are as many.
  public init(tokens: [Int32], targets: [Int32], layout: SequenceLayout) {
    precondition(
      tokens.count == targets.count && tokens.count == layout.rows,
      "\(tokens.count) tokens, \(targets.count) targets, \(layout.rows) rows")
    self.tokens = tokens
    self.targets = targets
    self.layout = layout
  }

  /// One document: every token but the first is scored.
  public init(tokens: [Int32]) {
    self.init(
      tokens: tokens, targets: tokens.isEmpty ? [] : tokens.dropFirst() + [ignoredTarget],
      layout: SequenceLayout(length: tokens.count))
  }

  /// Non-overlapping windows of `length` tokens; a remainder is left out.
  ///
  /// - Parameter maximum: windows at most; nil for all.
  public static func windows(
    _ tokens: [Int32], length: Int, maximum: Int? = nil
  ) -> [EvaluationSequence] {
    precondition(length > 1, "windows of \(length) tokens have nothing to score")
    let count = min(tokens.count / length, maximum ?? .max)
    return (0..<count).map {
      EvaluationSequence(tokens: Array(tokens[$0 * length..<($0 + 1) * length]))
    }
  }

  /// Tokens that are predicted.
  public var scoredTokens: Int { targets.count { $0 != ignoredTarget } }

  /// Several sequences as the rows of one pass.
  static func joined(_ sequences: some Collection<EvaluationSequence>) -> EvaluationSequence {
    var segments: [SequenceLayout.Segment] = []
    var row = 0
    for sequence in sequences {
      segments += sequence.layout.segments.map {
        .init(start: row + $0.start, count: $0.count, firstPosition: $0.firstPosition)
      }
      row += sequence.layout.rows
    }
    return EvaluationSequence(
      tokens: sequences.flatMap(\.tokens), targets: sequences.flatMap(\.targets),
      layout: SequenceLayout(rows: row, segments: segments))
  }
}
