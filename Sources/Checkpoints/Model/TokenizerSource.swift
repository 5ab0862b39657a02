import Documents

/// A checkpoint's tokenizer, parsed but not interpreted.
public enum TokenizerSource: Sendable {
  /// - tokenizerConfig: with what special_tokens_map.json adds to it.
  /// - chatTemplates: from chat_template.jinja, else from tokenizer_config.json.
  case huggingFace(
    tokenizerJSON: JSONValue, tokenizerConfig: JSONValue?, chatTemplates: ChatTemplateTexts)
  /// The metadata's `tokenizer.*` keys.
  case gguf(metadata: JSONValue)

  /// The Jinja templates of conversations.
  public var chatTemplates: ChatTemplateTexts {
    switch self {
    case .huggingFace(_, _, let templates):
      return templates
    case .gguf(let metadata):
      let prefix = "tokenizer.chat_template"
      let named = (metadata.objectValue?.members ?? []).compactMap { key, value in
        key.hasPrefix("\(prefix).")
          ? value.stringValue.map { (String(key.dropFirst(prefix.count + 1)), $0) } : nil
      }
      return ChatTemplateTexts(
        standard: metadata[prefix]?.stringValue,
        named: Dictionary(named, uniquingKeysWith: { first, _ in first }))
    }
  }

  /// The template of plain conversations; `nil` without one.
  public var chatTemplate: String? { chatTemplates.standard }

  /// `nil` when the metadata hold no vocabulary.
  init?(ggufMetadata: JSONValue) {
    let members = (ggufMetadata.objectValue?.members ?? []).filter {
      $0.key.hasPrefix("tokenizer.")
    }
    guard members.contains(where: { $0.key == "tokenizer.ggml.tokens" }) else { return nil }
    self = .gguf(metadata: .object(JSONObject(members)))
  }

  /// `chat_template` of tokenizer_config.json: a template, or several with names.
  static func templates(in configuration: JSONValue?) -> ChatTemplateTexts {
    let value = configuration?["chat_template"]
    if let text = value?.stringValue { return ChatTemplateTexts(standard: text) }
    var named: [String: String] = [:]
    for template in value?.arrayValue ?? [] {
      if let name = template["name"]?.stringValue {
        named[name] = template["template"]?.stringValue
      }
    }
    return ChatTemplateTexts(standard: named.removeValue(forKey: "default"), named: named)
  }

  /// tokenizer_config.json with the special tokens of special_tokens_map.json, which older programs
  /// write beside it: as in transformers they count, unless the configuration lists its added tokens
  /// itself.
  static func configuration(_ configuration: JSONValue?, specialTokens: JSONValue?) -> JSONValue? {
    guard let tokens = specialTokens?.objectValue, configuration?["added_tokens_decoder"] == nil
    else { return configuration }
    var object = configuration?.objectValue ?? JSONObject()
    for (key, value) in tokens.members where !value.isNull && value.arrayValue == nil {
      object[key] = value
    }
    return .object(object)
  }
}

/// A checkpoint's chat templates, by their names.
public struct ChatTemplateTexts: Sendable, Equatable {
  /// That of plain conversations; nil where there is none.
  public var standard: String?
  /// Others, for what their names say: `tool_use`, `rag`.
  public var named: [String: String]

  /// Templates; by default none.
  public init(standard: String? = nil, named: [String: String] = [:]) {
    self.standard = standard
    self.named = named
  }
}
