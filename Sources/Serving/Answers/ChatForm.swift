import Documents

/// Documents of `/v1/chat/completions`.
struct ChatForm: AnswerForm {
  var head: AnswerHead
  var promptTokens: Int
  var choices: Int
  var tells: Bool

  func choice(_ index: Int, _ made: MadeChoice) -> JSONValue {
    document(
      index, "message", ["role": "assistant", "content": .string(made.text), "refusal": nil],
      tells ? told(made.told) : nil, made.ending)
  }

  func opening(_ index: Int) -> JSONValue? {
    document(index, "delta", ["role": "assistant", "content": ""], nil, nil)
  }

  func part(_ index: Int, _ text: String, _ told: [ToldToken], offset: Int) -> JSONValue {
    document(
      index, "delta", ["content": .string(text)], tells ? self.told(told) : nil, nil)
  }

  func end(_ index: Int, _ ending: GenerationEvent.Ending) -> JSONValue {
    document(index, "delta", [:], nil, ending)
  }

  private func document(
    _ index: Int, _ key: String, _ message: JSONValue, _ told: JSONValue?,
    _ ending: GenerationEvent.Ending?
  ) -> JSONValue {
    .object(
      JSONObject([
        ("index", .integer(index)), (key, message), ("logprobs", told ?? nil),
        ("finish_reason", ending.map { .string($0.rawValue) } ?? nil),
      ]))
  }

  private func told(_ tokens: [ToldToken]) -> JSONValue {
    [
      "content": .array(
        tokens.map { token in
          var entry = candidate(token.bytes, token.logProbability ?? 0)
          entry["top_logprobs"] = .array(
            token.top.map { .object(candidate($0.bytes, $0.logProbability)) })
          return .object(entry)
        }), "refusal": nil,
    ]
  }

  private func candidate(_ bytes: [UInt8], _ logProbability: Double) -> JSONObject {
    [
      "token": .string(String(decoding: bytes, as: UTF8.self)),
      "logprob": .number(logProbability), "bytes": .array(bytes.map { .integer(Int($0)) }),
    ]
  }
}
