import Corpus
import Models
import Operations

/// What a model's tokens spell, and which of them end a text.
struct Vocabulary: Sendable {
  let tokenizer: Tokenizer
  let stopTokens: Set<Int32>
  /// Rows of the embedding: ids are below it.
  let size: Int
  /// The model, for messages.
  let location: String

  init(_ model: LoadedModel) throws {
    tokenizer = try model.requireTokenizer()
    stopTokens = model.stopTokens(tokenizer)
    size = model.decoder.configuration.vocabularySize
    location = model.location
  }

  func told(_ score: TokenScore) -> ToldToken {
    ToldToken(
      bytes: tokenizer.bytes(of: score.token.id),
      logProbability: Self.finite(score.token.logProbability),
      top: score.top.map {
        .init(
          bytes: tokenizer.bytes(of: $0.id), logProbability: Self.finite($0.logProbability))
      })
  }

  /// JSON has no infinity; other servers write this number for a probability of 0.
  private static func finite(_ logProbability: Double) -> Double { max(-9999, logProbability) }
}
