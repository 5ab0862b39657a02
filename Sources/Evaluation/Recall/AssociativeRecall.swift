import Corpus
import TensorCore

/// Multi-query associative recall (Zoology, arXiv 2312.04927, section 4): pairs of a key and a
/// value, then every key once more in random order, each followed by its value, which is scored.
///
///     [prefix]  k₁: v₁ ⏎ k₂: v₂ ⏎ … k_n: v_n ⏎  k_π(1): v_π(1) ⏎ … k_π(n): v_π(n) ⏎
///
/// All keys and values of a sequence are different words, drawn at random, so nothing but the
/// context can tell a value. A key that is asked lies `n` pairs back on average, and further with
/// every longer sequence.
///
/// Zoology trains its models on bare pairs of tokens; a model of language takes those for noise.
/// Of pairs with a colon and a line break SmolLM2-135M-Instruct names 78 % of the values at 64
/// tokens and 74 % at 1,024; of as many bare pairs 20 % and 4 %.
public struct AssociativeRecall: Sendable {
  /// Tokens of a sequence, as far as the model goes.
  public static let defaultLengths = [64, 128, 256, 512, 1024]

  private let candidates: [Int32]
  private let prefix: [Int32]
  /// Between a key and its value, and after the value.
  private let colon, lineBreak: [Int32]
  private let seed: UInt64

  /// - Parameter candidates: ids that keys and values are drawn from; frequent words of the
  ///   vocabulary, see `words(of:below:limit:)`. Ids named twice count once.
  public init(candidates: [Int32], encoder: any TextEncoder, seed: UInt64) {
    var seen: Set<Int32> = []
    self.candidates = candidates.filter { seen.insert($0).inserted }
    prefix = RecallTask.prefix(of: encoder)
    colon = encoder.encode(":", addSpecialTokens: false)
    lineBreak = encoder.encode("\n", addSpecialTokens: false)
    self.seed = seed
  }

  /// Ids whose token is a space and three ASCII letters or more: words and beginnings of words.
  ///
  /// - Parameters:
  ///   - vocabularySize: of the model; the tokenizer may know more ids.
  ///   - limit: ids at most. Vocabularies are in the order of their merges, so the first are the
  ///     frequent ones, which a small model reads best.
  public static func words(
    of tokenizer: Tokenizer, below vocabularySize: Int, limit: Int = 2048
  ) -> [Int32] {
    let ids = (0..<Int32(min(tokenizer.vocabularySize, vocabularySize))).lazy.filter { id in
      guard !tokenizer.isSpecial(id), let token = tokenizer.token(of: id),
        let space = token.unicodeScalars.first, spaces.contains(space)
      else { return false }
      let letters = token.unicodeScalars.dropFirst()
      return letters.count >= 3 && letters.allSatisfy { $0.isASCII && $0.properties.isAlphabetic }
    }
    return Array(ids.prefix(limit))
  }

  /// As byte-level and SentencePiece vocabularies spell it.
  private static let spaces: Set<Unicode.Scalar> = ["Ġ", "▁", " "]

  /// Tokens of a pair, and again of its query; 4 where colon and line break are one each.
  private var tokensOfAPair: Int { 2 + colon.count + lineBreak.count }

  /// Sequences of up to `length` tokens that ask `queries` keys, or a few more, together: shorter
  /// sequences are more, so that every length is measured equally well.
  ///
  /// - Throws: `RecallError` when the length holds no pair, or the candidates are too few.
  public func task(length: Int, queries: Int = 256) throws -> RecallTask {
    let pairs = (length - prefix.count) / (2 * tokensOfAPair)
    guard pairs > 0 else {
      throw RecallError(
        task: .associative, length: length,
        problem: "holds no pair and its query, which take \(prefix.count + 2 * tokensOfAPair)",
        remedy: "give a longer length")
    }
    guard candidates.count >= 2 * pairs else {
      throw RecallError(
        task: .associative, length: length,
        problem: "needs \(2 * pairs) different words, the vocabulary has \(candidates.count)",
        remedy: "give a shorter length")
    }
    let count = max(1, (queries + pairs - 1) / pairs)
    return RecallTask(
      kind: .associative, length: length,
      sequences: (0..<count).map { sequence(pairs: pairs, length: length, index: $0) })
  }

  private func sequence(pairs: Int, length: Int, index: Int) -> EvaluationSequence {
    var generator = SeededGenerator(seed: seed, step: index, purpose: "recall.mqar.\(length)")
    var words = candidates
    // The first places of a Fisher-Yates shuffle are draws without replacement.
    for place in 0..<2 * pairs {
      words.swapAt(place, Int.random(in: place..<words.count, using: &generator))
    }
    let order = (0..<pairs).shuffled(using: &generator)
    var tokens = prefix
    var answers: [Int] = []
    for pair in Array(0..<pairs) + order {
      tokens += [words[pair]] + colon
      answers.append(tokens.count)
      tokens += [words[pairs + pair]] + lineBreak
    }
    return EvaluationSequence(tokens: tokens, scoring: answers[pairs...])
  }
}
