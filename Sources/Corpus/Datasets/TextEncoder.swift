import Documents

/// What data sets need of a tokenizer.
public protocol TextEncoder: Sendable {
  /// Ids of a text; with `addSpecialTokens` also those that the tokenizer puts around a text.
  func encode(_ text: String, addSpecialTokens: Bool) -> [Int32]
  /// The token that ends a text, if there is one.
  var endOfText: Int32? { get }
  /// The token that begins a text, if there is one.
  var beginningOfText: Int32? { get }
  /// How many of the tokens that `addSpecialTokens` adds stand behind the text: BERT's `[SEP]`.
  var closingTokens: Int { get }
}

extension TextEncoder {
  /// None, unless a tokenizer says otherwise.
  public var closingTokens: Int { 0 }
}

extension Tokenizer: TextEncoder {
  /// How many tokens the post-processor puts behind a text.
  public var closingTokens: Int { postProcessor.after.count }
}

/// How a teacher spells a conversation.
public struct ChatFormat: Sendable {
  /// The teacher's template.
  public var template: ChatTemplate
  /// Spellings of the tokens that the template asks for.
  public var beginningOfText: String
  /// Spelling of the end-of-text token, which the template may ask for.
  public var endOfText: String
  /// More variables of the template.
  public var extra: JSONObject
  /// That of conversations with tools, where it is another.
  public var toolTemplate: ChatTemplate?

  /// A template and the spellings that it asks for.
  public init(
    template: ChatTemplate, beginningOfText: String, endOfText: String,
    extra: JSONObject = JSONObject()
  ) {
    self.template = template
    self.beginningOfText = beginningOfText
    self.endOfText = endOfText
    self.extra = extra
  }

  /// - Parameter variables: what a row of data has beside its messages: tools, documents.
  func rendering(
    _ messages: [JSONValue], addGenerationPrompt: Bool = false,
    with variables: JSONObject = JSONObject()
  ) throws -> (text: String, generated: [Range<Int>]?) {
    var extra = extra
    for (key, value) in variables.members { extra[key] = value }
    let template = variables["tools"] == nil ? template : toolTemplate ?? template
    return try template.rendering(
      messages: messages, addGenerationPrompt: addGenerationPrompt,
      beginningOfText: beginningOfText, endOfText: endOfText, extra: extra)
  }
}
