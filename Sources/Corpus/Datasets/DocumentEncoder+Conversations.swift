import Documents

// Conversations as the teacher's template writes them.
extension DocumentEncoder {
  /// The messages of a row, in the spelling of chat templates.
  func messages(_ object: JSONObject) throws -> [JSONValue] {
    let (field, value) = try messagesMember(of: object)
    guard let messages = value.arrayValue, !messages.isEmpty else {
      throw LineMistake(
        message: "\"\(field)\" is \(value.kindDescription), expected an array of messages")
    }
    return try messages.enumerated().map { index, message in
      let message = Self.respelled(message)
      guard message.objectValue != nil, message["role"]?.stringValue != nil else {
        throw LineMistake(
          message:
            "\"\(field)[\(index)]\" has no \"role\", expected an object with role and content")
      }
      return message
    }
  }

  /// ShareGPT's rows have their messages under `conversations`.
  private func messagesMember(of object: JSONObject) throws -> (String, JSONValue) {
    let field = specification.messagesField
    if let value = object[field] { return (field, value) }
    if field == "messages", let value = object["conversations"] { return ("conversations", value) }
    _ = try string(object, field)
    return (field, .null)
  }

  /// ShareGPT's messages say `from` and `value`, and call the speakers `human` and `gpt`.
  private static func respelled(_ message: JSONValue) -> JSONValue {
    guard message["role"] == nil, var object = message.objectValue,
      let speaker = object["from"]?.stringValue, let text = object["value"]
    else { return message }
    let roles = [
      "human": "user", "gpt": "assistant", "chatgpt": "assistant", "bard": "assistant",
      "bing": "assistant", "observation": "tool", "function_response": "tool",
    ]
    object["from"] = nil
    object["value"] = nil
    object["role"] = .string(roles[speaker] ?? speaker)
    object["content"] = text
    return .object(object)
  }

  /// What the template is told beside the messages: the tools of the row, which some data sets keep as
  /// a text of JSON, and documents.
  func variables(_ object: JSONObject) throws -> JSONObject {
    var variables = JSONObject()
    for key in ["tools", "documents"] {
      guard var value = object[key], !value.isNull else { continue }
      if let text = value.stringValue {
        if text.isEmpty { continue }
        do { value = try JSONValue(parsing: text) } catch {
          throw LineMistake(
            message: "\"\(key)\" is a text that is no JSON (\(error.reason)), expected an array")
        }
      }
      guard let elements = value.arrayValue else {
        throw LineMistake(message: "\"\(key)\" is \(value.kindDescription), expected an array")
      }
      if !elements.isEmpty { variables[key] = value }
    }
    return variables
  }

  /// - Throws: `LineMistake`, `ChatTemplateError`.
  func conversation(_ messages: [JSONValue], _ variables: JSONObject) throws -> EncodedDocument {
    let rendering = try chat!.rendering(messages, with: variables)
    let text = rendering.text
    let tokens = ended(begun(text))
    if specification.labels == .everything { return EncodedDocument(tokens: tokens) }
    let spans = try ConversationSpans(chat!, messages, variables, rendering).learned
    var labels = [Int32](repeating: PackedSequence.ignoredLabel, count: tokens.count)
    for span in spans {
      let start = position(of: span.lowerBound, in: text, tokens)
      let end =
        span.upperBound == text.utf8.count
        ? tokens.count : position(of: span.upperBound, in: text, tokens)
      if start < end { labels.replaceSubrange(start..<end, with: tokens[start..<end]) }
    }
    return EncodedDocument(tokens: tokens, labels: labels)
  }

  /// How many tokens lie before a byte of the text. A token across it does not; so the text is
  /// encoded as a whole, as it is in use, whatever the borders.
  private func position(of offset: Int, in text: String, _ tokens: [Int32]) -> Int {
    let prefix = begun(String(decoding: text.utf8.prefix(offset), as: UTF8.self))
    return zip(prefix, tokens).prefix { $0 == $1 }.count
  }
}
