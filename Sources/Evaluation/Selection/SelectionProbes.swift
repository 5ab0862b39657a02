import Corpus
import Operations

/// What models are asked when layers are scored: text, whose predictions are held against the
/// teacher's, and answers that stand in the context.
public struct SelectionProbes: Sendable {
  /// One pass, and what is read of it.
  struct Pass: Sendable {
    enum Purpose: Sendable { case divergence, associative, passkey }

    let purpose: Purpose
    let sequence: EvaluationSequence
    /// Rows whose outcome counts, ascending.
    let rows: [Int]
  }

  /// Rows of text whose next-token distributions are compared: a distribution over the vocabulary
  /// costs as much as several layers, and neighbours tell the same.
  static let comparedRows = 192

  private(set) var passes: [Pass] = []

  /// No questions; `add` adds them.
  public init() {}

  /// Text, of which predictions are compared where the context reaches beyond so many tokens, or
  /// everywhere where it never does.
  ///
  /// - Parameter reach: tokens of window and sinks.
  public mutating func add(text: [EvaluationSequence], beyond reach: Int) {
    let sequence = EvaluationSequence.joined(text)
    let all = sequence.layout.segments.flatMap(\.rows)
    let far = all.filter { sequence.layout.positions[$0] >= reach }
    let counted = far.isEmpty ? all : far
    let count = min(Self.comparedRows, counted.count)
    if count == 0 { return }
    let rows = (0..<count).map { counted[$0 * counted.count / count] }
    passes.append(Pass(purpose: .divergence, sequence: sequence, rows: rows))
  }

  /// Sequences of which only answers count.
  public mutating func add(_ task: RecallTask) {
    let purpose: Pass.Purpose = task.kind == .associative ? .associative : .passkey
    passes += task.sequences.map { sequence in
      Pass(
        purpose: purpose, sequence: sequence,
        rows: sequence.targets.indices.filter { sequence.targets[$0] != ignoredTarget })
    }
  }

  /// Tokens of one pass over everything.
  public var tokens: Int { passes.reduce(0) { $0 + $1.sequence.tokens.count } }
}
