import Corpus
import Documents

/// Turns samples into token ids by lm-eval's rules.
///
/// White space at the end of a context goes to the continuation. Both are then read as one text, and
/// the continuation is what lies behind as many tokens as the context alone has. An empty context is
/// the tokenizer's beginning-of-text token, else its end-of-text token.
public struct TaskEncoding: Sendable {
  /// The model's tokenizer.
  public let encoder: any TextEncoder
  /// Tokens that the model reads at once.
  public let maximumLength: Int
  /// Whether texts get the tokens that the tokenizer puts around a text by itself, a
  /// beginning-of-text token say, as lm-eval from 0.4.9.2 on does; earlier ones add none.
  public let addsSpecialTokens: Bool
  private let encoderAddsTokens: Bool

  /// - Precondition: `maximumLength` is positive.
  public init(encoder: any TextEncoder, maximumLength: Int, addsSpecialTokens: Bool = true) {
    precondition(maximumLength > 0, "a model of \(maximumLength) tokens")
    self.encoder = encoder
    self.maximumLength = maximumLength
    self.addsSpecialTokens = addsSpecialTokens
    encoderAddsTokens = addsSpecialTokens && !encoder.encode("", addSpecialTokens: true).isEmpty
  }

  /// Samples as tokens.
  public struct Encoded: Sendable, Equatable {
    /// For each sample, one request a choice, or one a window of a text that is scored as a whole.
    public var requests: [[LogLikelihoodRequest]]
    /// Samples with a context that was cut on the left to fit the model.
    public var truncatedSamples: Int
  }

  /// - Throws: `TaskError` with the samples that cannot be scored.
  public func encode(_ samples: [TaskSample], of task: EvaluationTask) throws -> Encoded {
    var bad = BadRows(path: task.dataPath)
    var truncated = 0
    let requests = try samples.map { sample in
      let found = try bad.row(line: sample.line) {
        task.isRolling
          ? (requests: try windows(of: sample), isCut: false) : try pairs(of: sample)
      }
      if found?.isCut == true { truncated += 1 }
      return found?.requests ?? []
    }
    try bad.throwIfAny()
    return Encoded(requests: requests, truncatedSamples: truncated)
  }

  // MARK: Pairs

  private func pairs(
    of sample: TaskSample
  ) throws -> (requests: [LogLikelihoodRequest], isCut: Bool) {
    var isCut = false
    var known: (text: String, tokens: [Int32])?
    let requests = try sample.requests.enumerated().map { index, request in
      var pair = try pair(request, &known)
      if pair.continuation.isEmpty || pair.context.isEmpty {
        throw RowMistake(
          "request \(index): the \(pair.context.isEmpty ? "context" : "continuation") has no "
            + "tokens of its own in \(quoted(request.context)) and "
            + "\(quoted(request.continuation))")
      }
      if pair.continuation.count > maximumLength {
        throw RowMistake(
          "request \(index): the continuation has \(pair.continuation.count) tokens, and the model "
            + "reads \(maximumLength); shorten it, or take a model of a longer context")
      }
      let surplus = pair.context.count + pair.continuation.count - (maximumLength + 1)
      if surplus > 0 {
        pair.context.removeFirst(surplus)
        isCut = true
      }
      return pair
    }
    return (requests, isCut)
  }

  /// - Parameter known: the last context and its tokens, which the next choice has again.
  private func pair(
    _ request: TaskSample.Request, _ known: inout (text: String, tokens: [Int32])?
  ) throws -> LogLikelihoodRequest {
    if request.context.isEmpty {
      var continuation = encoder.encode(request.continuation, addSpecialTokens: false)
      let prefix = try prefixToken()
      if continuation.first == prefix { continuation.removeFirst() }
      return LogLikelihoodRequest(context: [prefix], continuation: continuation)
    }
    let spaces = CodePoints(request.context).trailingSpaces
    let context = String(request.context.unicodeScalars.dropLast(spaces))
    let whole = encode(request.context + request.continuation)
    let tokens: [Int32]
    if let known, known.text.utf8.elementsEqual(context.utf8) {
      tokens = known.tokens
    } else {
      tokens = encode(context)
      known = (context, tokens)
    }
    return LogLikelihoodRequest(
      context: tokens, continuation: Array(whole.dropFirst(tokens.count)))
  }

  /// A text that begins with the token that would be put before it does not get it again.
  private func encode(_ text: String) -> [Int32] {
    if !encoderAddsTokens { return encoder.encode(text, addSpecialTokens: false) }
    let plain = encoder.encode(text, addSpecialTokens: false)
    let prefix = encoder.beginningOfText ?? encoder.endOfText
    if let prefix, plain.first == prefix { return plain }
    return encoder.encode(text, addSpecialTokens: true)
  }

  private func prefixToken() throws -> Int32 {
    guard let prefix = encoder.beginningOfText ?? encoder.endOfText else {
      throw RowMistake(
        "the tokenizer has neither a beginning-of-text nor an end-of-text token to stand for an "
          + "empty context")
    }
    return prefix
  }

  private func quoted(_ text: String) -> String {
    JSONValue.string(String(text.suffix(60))).compact
  }

  // MARK: Windows

  private func windows(of sample: TaskSample) throws -> [LogLikelihoodRequest] {
    let tokens = encode(sample.requests[0].continuation)
    if tokens.isEmpty { throw RowMistake("the text has no tokens") }
    return Self.windows(
      of: tokens, prefix: try prefixToken(), maximumLength: maximumLength)
  }

  /// Windows in which every token of a text is predicted once: the first from `prefix`, each later
  /// window from as much context as it has room for, which is one token unless it is the last.
  static func windows(
    of tokens: [Int32], prefix: Int32, maximumLength: Int
  ) -> [LogLikelihoodRequest] {
    let first = min(maximumLength, tokens.count)
    var windows = [
      LogLikelihoodRequest(context: [prefix], continuation: Array(tokens[..<first]))
    ]
    var start = first
    while start < tokens.count {
      let end = min(start + maximumLength, tokens.count)
      windows.append(
        LogLikelihoodRequest(
          context: Array(tokens[(end - maximumLength - 1)..<start]),
          continuation: Array(tokens[start..<end])))
      start = end
    }
    return windows
  }
}
