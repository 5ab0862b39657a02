import Corpus
import Transformers

/// A sequence as far as it has come, and what a model remembers of it, to be continued without being
/// read again.
public struct RememberedSequence {
  /// All tokens, those of prompts and those that were generated.
  public internal(set) var tokens: [Int32] = []
  /// How many of the last tokens were generated since the last prompt.
  public internal(set) var generated = 0
  /// Has read the tokens, but not yet a last one that was generated.
  let session: DecodingSession

  /// Not yet begun.
  ///
  /// - Parameter context: tokens that it is to have in the end, as far as is known.
  init(_ decoder: Decoder, context: Int) {
    session = DecodingSession(decoder, context: context)
  }

  init(_ session: DecodingSession, tokens: [Int32], generated: Int) {
    self.session = session
    self.tokens = tokens
    self.generated = generated
  }

  /// Tokens whose memory the model has.
  public var position: Int { session.position }

  /// Bytes of what the model remembers.
  public var bytes: Int { session.stateBytes }

  /// Those that no one has read.
  var unread: [Int32] { Array(tokens[session.position...]) }

  mutating func add(prompt: [Int32]) {
    if prompt.isEmpty { return }
    tokens += prompt
    generated = 0
  }

  mutating func add(generated token: Int32) {
    tokens.append(token)
    generated += 1
  }

  /// Decodes what follows, behind the text that was generated before.
  func decoder(_ tokenizer: Tokenizer) -> StreamingDecoder {
    var text = StreamingDecoder(tokenizer, skipSpecialTokens: true)
    for token in tokens.suffix(generated) { _ = text.append(token) }
    return text
  }
}
