import Documents

/// One message of a conversation.
public struct ChatMessage: Sendable, Equatable {
  /// Who speaks: `system`, `user`, `assistant`, or what else the template knows.
  public var role: String
  /// What is said.
  public var content: String

  /// What somebody says in a conversation.
  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }

  /// The message as templates see it.
  public var json: JSONValue { ["role": .string(role), "content": .string(content)] }
}

/// A model's chat template: the part of Jinja that such templates use, with the settings and the
/// additions (`raise_exception`, `tojson`, `break`, `continue`, `generation`) of `transformers`.
///
/// Unlike there, `strftime_now` is not defined: text that depends on the day cannot be reproduced.
/// Templates that ask `strftime_now is defined` take the date they fall back to, others are
/// answered with an error when they call it; either takes a date from `extra`.
public struct ChatTemplate: Sendable {
  /// Where the template comes from, for messages.
  public let location: String
  private let statements: [TemplateStatement]

  /// Reads a template.
  ///
  /// - Throws: `ChatTemplateError` for what is no template or uses an unknown statement, filter or
  ///   test.
  public init(_ source: String, location: String) throws {
    self.location = location
    self.statements = try TemplateParser.parse(source, location: location)
  }

  /// The text of a conversation.
  ///
  /// - Parameters:
  ///   - messages: objects with `role` and `content`, and what else the template reads.
  ///   - addGenerationPrompt: whether the text ends where the assistant's answer begins.
  ///   - beginningOfText: the token that the template knows as `bos_token`.
  ///   - endOfText: the token that the template knows as `eos_token`.
  ///   - extra: more variables, `tools` say; without it `tools` and `documents` are none.
  /// - Throws: `ChatTemplateError`, also when the template itself refuses the conversation.
  public func render(
    messages: [JSONValue], addGenerationPrompt: Bool, beginningOfText: String = "",
    endOfText: String = "", extra: JSONObject = JSONObject()
  ) throws -> String {
    try rendering(
      messages: messages, addGenerationPrompt: addGenerationPrompt,
      beginningOfText: beginningOfText, endOfText: endOfText, extra: extra
    ).text
  }

  /// The same with what the template marks as the assistant's, in bytes of the text: empty where it
  /// marks nothing, nil where the places of its marks are not known.
  func rendering(
    messages: [JSONValue], addGenerationPrompt: Bool, beginningOfText: String, endOfText: String,
    extra: JSONObject
  ) throws -> (text: String, generated: [Range<Int>]?) {
    var variables: [(String, TemplateValue)] = [
      ("messages", TemplateValue(.array(messages))),
      ("tools", .none), ("documents", .none),
      ("add_generation_prompt", .boolean(addGenerationPrompt)),
      ("bos_token", .string(beginningOfText)), ("eos_token", .string(endOfText)),
    ]
    variables += extra.members.map { ($0.key, TemplateValue($0.value)) }
    let interpreter = TemplateInterpreter(
      input: [.array(messages), .object(extra), .string(beginningOfText + endOfText)])
    do {
      let text = try interpreter.render(statements, with: variables)
      return (text, interpreter.generatedSpans)
    } catch let failure as TemplateFailure {
      throw ChatTemplateError(
        kind: failure.kind == .syntax ? .evaluation : failure.kind, location: location,
        line: interpreter.line, message: failure.message)
    }
  }

  /// Renders a conversation as the template writes it.
  ///
  /// - Parameters:
  ///   - addGenerationPrompt: Whether the text ends where the assistant is to begin.
  ///   - beginningOfText: Spelling of `bos_token`.
  ///   - endOfText: Spelling of `eos_token`.
  ///   - extra: More variables.
  /// - Throws: `ChatTemplateError`.
  public func render(
    messages: [ChatMessage], addGenerationPrompt: Bool, beginningOfText: String = "",
    endOfText: String = "", extra: JSONObject = JSONObject()
  ) throws -> String {
    try render(
      messages: messages.map(\.json), addGenerationPrompt: addGenerationPrompt,
      beginningOfText: beginningOfText, endOfText: endOfText, extra: extra)
  }
}
