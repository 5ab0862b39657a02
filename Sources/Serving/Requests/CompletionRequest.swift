import Documents
import Models

/// The body of a request to `/v1/completions`.
struct CompletionRequest {
  /// A prompt as it was given.
  enum Prompt {
    case text(String)
    case tokens([Int32])
  }

  static let defaultTokens = 16

  var fields: GenerationFields
  var prompts: [Prompt]
  /// How many of the most probable tokens are told beside each.
  var toldTokens: Int?
  /// Whether the answer begins with the prompt.
  var isEchoed: Bool

  /// - Throws: All mistakes of the document at once.
  init(_ document: JSONValue, limits: ServingLimits, own: SamplingOptions?) throws(RequestError) {
    do {
      self = try DocumentReader.read(document) { reader in
        CompletionRequest(
          fields: GenerationFields(reader, limits: limits, own: own),
          prompts: Self.prompts(reader, limits),
          toldTokens: reader.optionalInteger(
            "logprobs", in: 0...20, "most probable tokens told beside each"),
          isEchoed: reader.optionalBoolean("echo", "whether the answer begins with the prompt")
            ?? false)
      }
    } catch {
      throw RequestError(error)
    }
  }

  private init(
    fields: GenerationFields, prompts: [Prompt], toldTokens: Int?, isEchoed: Bool
  ) {
    self.fields = fields
    self.prompts = prompts
    self.toldTokens = toldTokens
    self.isEchoed = isEchoed
  }

  private static func prompts(_ reader: DocumentReader, _ limits: ServingLimits) -> [Prompt] {
    let expected =
      "expected a text, an array of texts, token ids, or an array of arrays of token ids"
    _ = reader.optionalInteger("best_of", in: 1...1, "only 1 is offered")
    guard let value = reader.any("prompt", "what is continued") else {
      reader.report("prompt", "is missing; \(expected)")
      return []
    }
    let prompts: [Prompt?]
    if let text = value.stringValue {
      prompts = [.text(text)]
    } else if let elements = value.arrayValue, let first = elements.first {
      prompts =
        first.intValue != nil
        ? [tokens(value)] : elements.map { $0.stringValue.map(Prompt.text) ?? tokens($0) }
    } else {
      prompts = [nil]
    }
    let known = prompts.compactMap { $0 }
    if known.count < prompts.count {
      reader.report("prompt", "found \(value.kindDescription), \(expected)")
    } else if known.count > limits.waiting {
      reader.report("prompt", "found \(known.count) prompts, expected at most \(limits.waiting)")
    }
    return known
  }

  private static func tokens(_ value: JSONValue) -> Prompt? {
    guard let elements = value.arrayValue, !elements.isEmpty else { return nil }
    let ids = elements.compactMap { $0.intValue.flatMap(Int32.init(exactly:)) }
    return ids.count == elements.count ? .tokens(ids) : nil
  }
}
