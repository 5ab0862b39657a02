import Documents

/// What was generated, and what it cost.
public struct GenerationResult: Sendable, Equatable {
  /// Why generation ended.
  public enum Ending: String, Sendable {
    case endOfText = "end of text"
    case maximumTokens = "token limit"
    /// No position is left that the model has learned.
    case lastPosition = "last learned position"
  }

  /// Tokens of the prompt.
  public var promptTokens: Int
  /// Tokens before the prompt that did not have to be read.
  public var rememberedTokens: Int
  /// Without the one that ended the text.
  public var tokens: [Int32] = []
  /// Why generation ended.
  public var ending = Ending.maximumTokens
  /// Seconds that reading the prompt took.
  public var prefillSeconds = 0.0
  /// Seconds that the tokens after it took.
  public var decodeSeconds = 0.0
  /// Tokens read one at a time.
  public var decodedTokens = 0
  /// Bytes of the state or cache after the prompt, and at the end.
  public var prefillStateBytes = 0
  /// Bytes of the state or cache at the end.
  public var stateBytes = 0

  init(promptTokens: Int, rememberedTokens: Int = 0) {
    self.promptTokens = promptTokens
    self.rememberedTokens = rememberedTokens
  }

  /// Tokens of the prompt read in a second; 0 when no time was taken.
  public var prefillTokensPerSecond: Double {
    prefillSeconds > 0 ? Double(promptTokens) / prefillSeconds : 0
  }
  /// Tokens decoded in a second; 0 when no time was taken.
  public var decodeTokensPerSecond: Double {
    decodeSeconds > 0 ? Double(decodedTokens) / decodeSeconds : 0
  }

  /// The result as JSON, as `linearize generate --json` prints it.
  public var document: JSONValue {
    [
      "promptTokens": .integer(promptTokens), "rememberedTokens": .integer(rememberedTokens),
      "tokens": .array(tokens.map { .integer(Int($0)) }),
      "ending": .string(ending.rawValue), "prefillSeconds": .number(prefillSeconds),
      "decodeSeconds": .number(decodeSeconds),
      "prefillTokensPerSecond": .number(prefillTokensPerSecond),
      "decodeTokensPerSecond": .number(decodeTokensPerSecond),
      "prefillStateBytes": .integer(prefillStateBytes), "stateBytes": .integer(stateBytes),
    ]
  }
}
