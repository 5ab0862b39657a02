import Operations

/// How much of the sequences a fidelity measurement reads.
///
/// Attention rows are quadratic in the length, so they and the heads' outputs are measured on the
/// first `rowTokens` tokens of every sequence: a window of which that is no more than twice the
/// size looks better than it is on long texts. Logits are measured on all tokens.
public struct FidelityOptions: Sendable, Equatable {
  /// Tokens of a sequence whose attention rows are measured, split among its documents in order.
  public var rowTokens: Int
  /// The sequence of which attention maps are made, counted from 0; nil for no maps.
  public var mappedSequence: Int?
  /// Tokens that a map shows, the first of the sequence's longest measured document.
  public var mapTokens: Int
  /// Rows and columns of a map at most.
  public var mapSize: Int

  /// Options; by default maps of the first sequence's first 128 tokens are made.
  public init(
    rowTokens: Int = 256, mappedSequence: Int? = 0, mapTokens: Int = 128, mapSize: Int = 64
  ) {
    precondition(
      rowTokens >= AttentionRow.leastRankedKeys && mapTokens > 0 && mapSize > 0,
      "\(rowTokens) tokens for rows, maps of \(mapTokens) tokens, \(mapSize) wide")
    self.rowTokens = rowTokens
    self.mappedSequence = mappedSequence
    self.mapTokens = mapTokens
    self.mapSize = mapSize
  }
}

/// The start of a document, measured by itself.
struct FidelityExcerpt: Equatable {
  var tokens: [Int32]
  /// Of its first token.
  var firstPosition: Int
  var isMapped = false

  /// The first tokens of every sequence, document by document. Documents too short for a rank
  /// correlation are left out: all of their numbers are trivial.
  static func excerpts(
    of sequences: [EvaluationSequence], _ options: FidelityOptions
  ) -> [FidelityExcerpt] {
    sequences.enumerated().flatMap { index, sequence in
      var remaining = options.rowTokens
      var excerpts: [FidelityExcerpt] = []
      for segment in sequence.layout.segments {
        let count = min(segment.count, remaining)
        if count < AttentionRow.leastRankedKeys { continue }
        excerpts.append(
          FidelityExcerpt(
            tokens: Array(sequence.tokens[segment.start..<segment.start + count]),
            firstPosition: segment.firstPosition))
        remaining -= count
      }
      if index == options.mappedSequence,
        // The first of equals.
        let longest = excerpts.indices.max(by: {
          excerpts[$0].tokens.count < excerpts[$1].tokens.count
        })
      {
        excerpts[longest].isMapped = true
      }
      return excerpts
    }
  }
}
