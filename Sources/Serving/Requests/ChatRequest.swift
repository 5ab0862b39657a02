import Corpus
import Documents
import Models

/// The body of a request to `/v1/chat/completions`.
struct ChatRequest {
  var fields: GenerationFields
  var messages: [ChatMessage]
  /// How many of the most probable tokens are told beside each; nil: nothing is told of any.
  var toldTokens: Int?

  /// - Throws: All mistakes of the document at once.
  init(_ document: JSONValue, limits: ServingLimits, own: SamplingOptions?) throws(RequestError) {
    do {
      self = try DocumentReader.read(document) { reader in
        ChatRequest(reader, limits: limits, own: own)
      }
    } catch {
      throw RequestError(error)
    }
  }

  private init(_ reader: DocumentReader, limits: ServingLimits, own: SamplingOptions?) {
    fields = GenerationFields(reader, limits: limits, own: own)
    let newer = reader.optionalInteger(
      "max_completion_tokens", in: 0...limits.newTokens, "tokens to generate at most")
    if newer != nil, fields.maximumTokens != nil {
      reader.report("max_tokens", "stands beside max_completion_tokens; give one of them")
    }
    fields.maximumTokens = newer ?? fields.maximumTokens
    messages = reader.objects("messages", minimum: 1, "what was said so far") { message in
      ChatMessage(
        role: message.word(
          "role", of: ["system", "developer", "user", "assistant"], "who speaks"),
        content: Self.content(message))
    }
    let isTold = reader.optionalBoolean("logprobs", "whether log-probabilities are told") ?? false
    let top = reader.optionalInteger(
      "top_logprobs", in: 0...20, "most probable tokens told beside each")
    if top ?? 0 > 0, !isTold {
      reader.report("top_logprobs", "needs logprobs; set it to true")
    }
    toldTokens = isTold ? top ?? 0 : nil
  }

  private static func content(_ message: DocumentReader) -> String {
    let expected = "expected a text or an array of parts of the type \"text\""
    _ = message.optionalString("name", "has no effect")
    guard let value = message.any("content", "what is said") else {
      message.report("content", "is missing; \(expected)")
      return ""
    }
    if let text = value.stringValue { return text }
    let parts = value.arrayValue ?? [value]
    let texts = parts.compactMap { $0["type"] == "text" ? $0["text"]?.stringValue : nil }
    if texts.count < parts.count || parts.isEmpty {
      message.report("content", "found \(value.kindDescription), \(expected)")
    }
    return texts.joined()
  }
}
