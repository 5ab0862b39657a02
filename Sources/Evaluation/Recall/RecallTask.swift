import Corpus
import Operations

/// Retrieval from the context at one length: sequences of which only answers are scored.
public struct RecallTask: Sendable, Equatable {
  /// What is asked, and how answers count.
  public enum Kind: String, Sendable {
    /// Multi-query associative recall: every scored token is a query of its own.
    case associative = "mqar"
    /// One passkey a sequence, right when all of its tokens are.
    case passkey
  }

  /// What is asked.
  public var kind: Kind
  /// Tokens that a sequence has at most; it is shorter by less than one more pair or sentence.
  public var length: Int
  /// Targets stand on answer tokens alone.
  public var sequences: [EvaluationSequence]
  /// The token of each sequence's answer from which on another answer would have other tokens: what
  /// stands before says that an answer comes, not which. nil where a query is one token.
  public var answerStarts: [Int]?

  /// A task whose sequences score answer tokens alone.
  public init(
    kind: Kind, length: Int, sequences: [EvaluationSequence], answerStarts: [Int]? = nil
  ) {
    self.kind = kind
    self.length = length
    self.sequences = sequences
    self.answerStarts = answerStarts
  }

  /// How many answers are asked for.
  public var queries: Int {
    switch kind {
    case .associative: sequences.reduce(0) { $0 + $1.scoredTokens }
    case .passkey: sequences.count
    }
  }

  /// What the tokenizer puts before a text: its beginning-of-text token or nothing. Those that it
  /// puts after one have no place before an answer.
  public static func prefix(of encoder: any TextEncoder) -> [Int32] {
    guard let first = encoder.encode("", addSpecialTokens: true).first,
      first == encoder.beginningOfText
    else { return [] }
    return [first]
  }
}

extension EvaluationSequence {
  /// One document of which only some tokens are scored.
  ///
  /// - Parameter scored: places of the tokens to be predicted, ascending, none of them 0.
  init(tokens: [Int32], scoring scored: some Sequence<Int>) {
    var targets = [Int32](repeating: ignoredTarget, count: tokens.count)
    for place in scored { targets[place - 1] = tokens[place] }
    self.init(
      tokens: tokens, targets: targets, layout: SequenceLayout(length: tokens.count))
  }
}
