import Differentiation
import Operations
import Results
import TensorCore
import Transformers

/// For how many tokens a model that continues a text greedily says what the teacher says.
///
/// The teacher continues each prompt token by token. Another model reads prompt and continuation in
/// one pass: up to the first token that it holds less probable than another, it would have said the
/// same.
public struct GreedyAgreement {
  /// Tokens of a prompt at most, and of a continuation.
  public static let promptTokens = 512, continuationTokens = 32

  private struct Continuation {
    let prompt: [Int32]
    let tokens: [Int32]
  }

  private let continuations: [Continuation]

  /// - Parameters:
  ///   - prompts: none of them empty, within the model's positions with a continuation.
  ///   - progress: called after every prompt; what it throws ends the measurement.
  public init(
    _ teacher: Decoder, prompts: [[Int32]], progress: (_ done: Int) throws -> Void
  ) rethrows {
    var found: [Continuation] = []
    for prompt in prompts {
      let session = DecodingSession(
        teacher, context: prompt.count + Self.continuationTokens)
      var tokens: [Int32] = []
      var next = prompt
      while tokens.count < Self.continuationTokens {
        let token = Self.mostProbable(session.logits(after: next))
        tokens.append(token)
        next = [token]
      }
      found.append(Continuation(prompt: prompt, tokens: tokens))
      try progress(found.count)
    }
    continuations = found
  }

  /// Beginnings of texts, one each, as prompts.
  ///
  /// - Parameter limit: tokens of the model's longest sequence; nil for any.
  public static func prompts(
    of sequences: [EvaluationSequence], count: Int, limit: Int?
  ) -> [[Int32]] {
    let longest = min(promptTokens, (limit ?? .max) - continuationTokens)
    if longest < 1 { return [] }
    return sequences.prefix(count).compactMap { sequence in
      sequence.layout.segments.max { $0.count < $1.count }.map {
        Array(sequence.tokens[$0.rows].prefix(longest))
      }
    }
  }

  /// Prompts that were continued.
  public var prompts: Int { continuations.count }

  /// Tokens until another is said, mean over the prompts.
  public func meanLength(of decoder: Decoder) -> Double {
    var sum = 0
    for continuation in continuations {
      let tokens = continuation.prompt + continuation.tokens.dropLast()
      let hidden = decoder.hiddenStates(
        tokens, layout: SequenceLayout(length: tokens.count), on: Tape(isRecording: false))
      let logits = decoder.logits(
        copiedRows(hidden.value, continuation.prompt.count - 1..<tokens.count))
      let said = Self.mostProbableRows(logits)
      sum += zip(said, continuation.tokens).prefix { $0 == $1 }.count
    }
    return Double(sum) / Double(continuations.count)
  }

  private static func mostProbable(_ logits: Tensor) -> Int32 { mostProbableRows(logits)[0] }

  private static func mostProbableRows(_ logits: Tensor) -> [Int32] {
    listedRows(logits).map { row in Int32(row.indices.max { row[$0] < row[$1] }!) }
  }
}
