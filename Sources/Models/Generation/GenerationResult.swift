import Documents

/// What was generated, and what it cost.
public struct GenerationResult: Sendable, Equatable {
  public enum Ending: String, Sendable {
    case endOfText = "end of text"
    case maximumTokens = "token limit"
    /// No position is left that the model has learned.
    case lastPosition = "last learned position"
  }

  public var promptTokens: Int
  /// Without the one that ended the text.
  public var tokens: [Int32] = []
  public var ending = Ending.maximumTokens
  public var prefillSeconds = 0.0
  public var decodeSeconds = 0.0
  /// Tokens read one at a time.
  public var decodedTokens = 0
  /// Bytes of the state or cache after the prompt, and at the end.
  public var prefillStateBytes = 0
  public var stateBytes = 0

  init(promptTokens: Int) { self.promptTokens = promptTokens }

  public var prefillTokensPerSecond: Double {
    prefillSeconds > 0 ? Double(promptTokens) / prefillSeconds : 0
  }
  public var decodeTokensPerSecond: Double {
    decodeSeconds > 0 ? Double(decodedTokens) / decodeSeconds : 0
  }

  public var document: JSONValue {
    [
      "promptTokens": .integer(promptTokens), "tokens": .array(tokens.map { .integer(Int($0)) }),
      "ending": .string(ending.rawValue), "prefillSeconds": .number(prefillSeconds),
      "decodeSeconds": .number(decodeSeconds),
      "prefillTokensPerSecond": .number(prefillTokensPerSecond),
      "decodeTokensPerSecond": .number(decodeTokensPerSecond),
      "prefillStateBytes": .integer(prefillStateBytes), "stateBytes": .integer(stateBytes),
    ]
  }
}
