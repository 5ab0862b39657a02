import Documents

/// A checkpoint's tokenizer, parsed but not interpreted.
public enum TokenizerSource: Sendable {
  /// - chatTemplate: from chat_template.jinja, else from tokenizer_config.json.
  case huggingFace(tokenizerJSON: JSONValue, tokenizerConfig: JSONValue?, chatTemplate: String?)
  /// The metadata's `tokenizer.*` keys.
  case gguf(metadata: JSONValue)

  /// The Jinja template of conversations; `nil` without one.
  public var chatTemplate: String? {
    switch self {
    case .huggingFace(_, _, let template): template
    case .gguf(let metadata): metadata["tokenizer.chat_template"]?.stringValue
    }
  }

  /// `nil` when the metadata hold no vocabulary.
  init?(ggufMetadata: JSONValue) {
    let members = (ggufMetadata.objectValue?.members ?? []).filter {
      $0.key.hasPrefix("tokenizer.")
    }
    guard members.contains(where: { $0.key == "tokenizer.ggml.tokens" }) else { return nil }
    self = .gguf(metadata: .object(JSONObject(members)))
  }

  /// `chat_template` of tokenizer_config.json: a template, or several of which one is the default.
  static func template(in configuration: JSONValue?) -> String? {
    let value = configuration?["chat_template"]
    if let text = value?.stringValue { return text }
    return value?.arrayValue?.first { $0["name"]?.stringValue == "default" }?["template"]?
      .stringValue
  }
}
