import Documents

/// Why no text can be generated.
public enum GenerationError: ExitCoded, Equatable, CustomStringConvertible {
  case options(String)
  /// The prompt, with what is remembered before it, fills every position that the model has learned.
  case promptTooLong(location: String, tokens: Int, remembered: Int, limit: String)
  /// What was read was rotated for shorter sequences than this one is to become.
  case contextOutgrown(location: String, known: Int, tokens: Int)
  /// Nothing to start from: no prompt, and no token that begins or ends a text.
  case noStart(location: String)
  case noChatTemplate(location: String)
  /// A logit is NaN or all are infinite.
  case notFinite(location: String, position: Int)

  public var exitCode: ExitCode {
    switch self {
    case .options, .noChatTemplate: .usage
    case .promptTooLong, .contextOutgrown, .noStart, .notFinite: .badData
    }
  }

  public var description: String {
    switch self {
    case .options(let reason): reason
    case .promptTooLong(let location, let tokens, 0, let limit):
      "\(location): the prompt has \(tokens) tokens, but the model has \(limit); shorten the prompt"
    case .promptTooLong(let location, let tokens, let remembered, let limit):
      "\(location): the sequence has \(tokens) tokens with the \(remembered) that are remembered, but "
        + "the model has \(limit); start anew with a shorter prompt"
    case .contextOutgrown(let location, let known, let tokens):
      "\(location): what is remembered was read for a sequence of at most \(known) tokens, and the "
        + "model rotates positions otherwise in one of \(tokens); generate fewer tokens, or read the "
        + "prompt again without --memory"
    case .noStart(let location):
      "\(location): the prompt is empty, and the tokenizer has no token that begins or ends a "
        + "text to start from; give a prompt"
    case .noChatTemplate(let location):
      "\(location): --chat needs the model's chat template, and the checkpoint carries none; "
        + "leave --chat out and spell the prompt as the model was trained on"
    case .notFinite(let location, let position):
      "\(location): the logits after token \(position) are not finite, so no token can be chosen; "
        + "the weights are damaged or the model has diverged"
    }
  }
}
