import Documents

/// Documents of `/v1/completions`.
struct CompletionForm: AnswerForm {
  var head: AnswerHead
  var promptTokens: Int
  var choices: Int
  var choicesOfPrompt: Int
  /// The prompts' texts where the answer begins with them; otherwise empty.
  var echoes: [String]
  var tells: Bool

  private func echo(_ choice: Int) -> String {
    echoes.isEmpty ? "" : echoes[choice / choicesOfPrompt]
  }

  func choice(_ index: Int, _ made: MadeChoice) -> JSONValue {
    document(
      index, echo(index) + made.text, tells ? told(made.told, offset: 0) : nil, made.ending)
  }

  func opening(_ index: Int) -> JSONValue? {
    let text = echo(index)
    // A bare nil would be JSON's null.
    return text.isEmpty ? .none : .some(document(index, text, nil, nil))
  }

  func part(_ index: Int, _ text: String, _ told: [ToldToken], offset: Int) -> JSONValue {
    document(index, text, tells ? self.told(told, offset: offset) : nil, nil)
  }

  func end(_ index: Int, _ ending: GenerationEvent.Ending) -> JSONValue {
    document(index, "", nil, ending)
  }

  private func document(
    _ index: Int, _ text: String, _ told: JSONValue?, _ ending: GenerationEvent.Ending?
  ) -> JSONValue {
    [
      "text": .string(text), "index": .integer(index), "logprobs": told ?? nil,
      "finish_reason": ending.map { .string($0.rawValue) } ?? nil,
    ]
  }

  /// - Parameter offset: of the first token in the choice's text, in characters as Python counts them.
  private func told(_ tokens: [ToldToken], offset: Int) -> JSONValue {
    var offsets: [JSONValue] = []
    var place = offset
    for token in tokens {
      offsets.append(.integer(place))
      place += token.bytes.count { $0 & 0xC0 != 0x80 }
    }
    return [
      "tokens": .array(tokens.map { .string(spelled($0.bytes)) }),
      "token_logprobs": .array(tokens.map { $0.logProbability.map { .number($0) } ?? nil }),
      "top_logprobs": .array(
        tokens.map { token in
          token.logProbability == nil
            ? nil
            : .object(
              JSONObject(
                token.top.map { (key: spelled($0.bytes), value: .number($0.logProbability)) }))
        }),
      "text_offset": .array(offsets),
    ]
  }

  /// Bytes that are no text are spelled out, as OpenAI does.
  private func spelled(_ bytes: [UInt8]) -> String {
    String(validating: bytes, as: UTF8.self)
      ?? "bytes:" + bytes.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
