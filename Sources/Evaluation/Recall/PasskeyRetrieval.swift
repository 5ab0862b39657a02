import Corpus
import TensorCore

/// A random number hidden at some depth of a long dull text, and asked for at its end (Landmark
/// Attention, arXiv 2305.16300, appendix; LongLLaMA; RADLADS):
///
///     There is an important info hidden inside a lot of irrelevant text. …
///     The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again. …
///     The pass key is 71432. Remember it. 71432 is the pass key.
///     The grass is green. …
///     What is the pass key? The pass key is 71432
///
/// All tokens of the answer are scored, and a passkey is found when all are right: the first, which
/// a tokenizer may have made of the space before a number, as well as the digits. Sequence `d` of
/// `depths` has its key behind `(d + ½) / depths` of the filler: never at the very start or end,
/// where a window or sinks alone would see it.
public struct PasskeyRetrieval: Sendable {
  private static let introduction =
    "There is an important info hidden inside a lot of irrelevant text. Find it and memorize it. "
    + "I will quiz you about the important information there."
  private static let filler = [
    "The grass is green.", "The sky is blue.", "The sun is yellow.", "Here we go.",
    "There and back again.",
  ]
  private static let question = "What is the pass key? The pass key is"

  private let encoder: any TextEncoder
  private let prefix: [Int32]
  private let seed: UInt64

  /// Texts in a tokenizer's ids.
  ///
  /// - Parameter seed: Every draw of passkeys is keyed by it.
  public init(_ encoder: any TextEncoder, seed: UInt64) {
    self.encoder = encoder
    prefix = RecallTask.prefix(of: encoder)
    self.seed = seed
  }

  /// 256 tokens, doubled up to the model's maximum; for a model of fewer, its maximum alone.
  public static func lengths(upTo maximumPositions: Int) -> [Int] {
    var lengths = [256]
    while lengths[lengths.count - 1] * 2 <= maximumPositions {
      lengths.append(lengths[lengths.count - 1] * 2)
    }
    return maximumPositions < 256 ? [maximumPositions] : lengths
  }

  /// - Parameter depths: sequences, one a depth.
  /// - Throws: `RecallError` when the length does not hold the text without filler.
  public func task(length: Int, depths: Int = 5) throws -> RecallTask {
    precondition(depths > 0, "\(depths) depths")
    let found = try (0..<depths).map { try sequence(length: length, depth: $0, of: depths) }
    return RecallTask(
      kind: .passkey, length: length, sequences: found.map(\.sequence),
      answerStarts: found.map(\.digits))
  }

  /// As much filler as fits; more sentences are never fewer tokens, so it is found by halving.
  private func sequence(length: Int, depth: Int, of depths: Int) throws -> (
    sequence: EvaluationSequence, digits: Int
  ) {
    var generator = SeededGenerator(
      seed: seed, step: depth, purpose: "recall.passkey.\(length)")
    let key = Int.random(in: 10_000...99_999, using: &generator)
    let encode = { (sentences: Int) -> (tokens: [Int32], answer: Int, digits: Int) in
      encoded(
        key: key, before: sentences * (2 * depth + 1) / (2 * depths), sentences: sentences)
    }
    guard encode(0).tokens.count <= length else {
      throw RecallError(
        task: .passkey, length: length,
        problem:
          "does not hold the text, which has \(encode(0).tokens.count) tokens without filler",
        remedy: "give a longer length")
    }
    // Every sentence has a token at least.
    var (fitting, tooMany) = (0, length + 1)
    while tooMany - fitting > 1 {
      let middle = (fitting + tooMany) / 2
      if encode(middle).tokens.count <= length { fitting = middle } else { tooMany = middle }
    }
    let (tokens, answer, digits) = encode(fitting)
    return (EvaluationSequence(tokens: tokens, scoring: answer..<tokens.count), digits)
  }

  /// - Returns: the tokens, and where the answer's begin: where the text with its answer departs
  ///   from the text without, whatever the tokenizer merges at the seam; and where it departs from
  ///   the text with another number.
  private func encoded(key: Int, before: Int, sentences: Int) -> (
    tokens: [Int32], answer: Int, digits: Int
  ) {
    let lines = [
      Self.introduction, Self.sentences(0..<before),
      "The pass key is \(key). Remember it. \(key) is the pass key.",
      Self.sentences(before..<sentences), Self.question,
    ]
    let text = lines.filter { !$0.isEmpty }.joined(separator: "\n")
    let encode = { (text: String) in prefix + encoder.encode(text, addSpecialTokens: false) }
    let tokens = encode("\(text) \(key)")
    let shared = { (other: [Int32]) in zip(other, tokens).prefix { $0 == $1 }.count }
    return (tokens, shared(encode(text)), shared(encode("\(text) \(Self.other(key))")))
  }

  /// A number that has another digit in every place.
  private static func other(_ key: Int) -> String {
    String(String(key).map { Character(String(($0.wholeNumberValue! + 5) % 10)) })
  }

  private static func sentences(_ range: Range<Int>) -> String {
    range.map { filler[$0 % filler.count] }.joined(separator: " ")
  }
}
