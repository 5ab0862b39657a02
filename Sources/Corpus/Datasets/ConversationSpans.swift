import Documents

/// Where the assistant speaks in a rendered conversation, in bytes of its text: from behind the head of
/// a turn to the end of its closing marks.
struct ConversationSpans {
  private let chat: ChatFormat
  private let messages: [JSONValue]
  private let variables: JSONObject
  private let text: [UInt8]
  private let generated: [Range<Int>]?

  /// - Parameter rendering: of all messages.
  init(
    _ chat: ChatFormat, _ messages: [JSONValue], _ variables: JSONObject,
    _ rendering: (text: String, generated: [Range<Int>]?)
  ) {
    self.chat = chat
    self.messages = messages
    self.variables = variables
    text = Array(rendering.text.utf8)
    generated = rendering.generated
  }

  /// What is learned: what the template itself marks (`generation`), or else every answer.
  ///
  /// - Throws: `LineMistake`, `ChatTemplateError`.
  var learned: [Range<Int>] {
    get throws {
      if let generated, !generated.isEmpty { return generated }
      return try messages.indices.filter { messages[$0]["role"]?.stringValue == "assistant" }
        .compactMap { try span(of: $0) }
    }
  }

  private func render(_ messages: [JSONValue], prompt: Bool = false) throws -> [UInt8] {
    Array(try chat.rendering(messages, addGenerationPrompt: prompt, with: variables).text.utf8)
  }

  /// nil for an answer that the template leaves out.
  private func span(of index: Int) throws -> Range<Int>? {
    let before = try render(Array(messages[..<index]), prompt: true)
    let after =
      index == messages.count - 1 ? text : try render(Array(messages[...index]))
    if text.starts(with: before), text.starts(with: after), before.count <= after.count {
      return before.count..<after.count
    }
    // The template writes earlier messages otherwise once others follow (thoughts are dropped from
    // history), or opens a thought that a finished answer does not have.
    return try markedSpan(of: index, prompt: before)
  }

  /// Found by what changes in the text when the answer is another one.
  ///
  /// - Parameter prompt: the text before the answer with the head of its turn.
  private func markedSpan(of index: Int, prompt: [UInt8]) throws -> Range<Int>? {
    guard let marked = try marked(index, of: messages) else { return nil }
    guard text.reversed().starts(with: marked.behind.reversed()),
      let head = try head(of: index, before: marked.before, prompt: prompt)
    else { throw unknownPlace(index) }
    let end = text.count - marked.behind.count
    // What closes a turn that is the last one closes it elsewhere too, as far as it is the same.
    let closing = try self.marked(index, of: Array(messages[...index]))?.behind ?? []
    guard head <= end else { throw unknownPlace(index) }
    return head..<end + Self.commonLength(marked.behind, closing)
  }

  /// The end of the head of an answer's turn: as much of the generation prompt as stands before the
  /// answer, behind the message before it.
  private func head(of index: Int, before: [UInt8], prompt: [UInt8]) throws -> Int? {
    let shared = Self.commonLength(text, before)
    let history = try render(Array(messages[..<index]))
    let opening = Array(prompt.dropFirst(Self.commonLength(prompt, history)))
    var first = 0
    if index > 0, let previous = try marked(index - 1, of: messages),
      text.reversed().starts(with: previous.behind.reversed())
    {
      first = text.count - previous.behind.count
    }
    guard first <= shared else { return nil }
    let between = Array(text[first..<shared])
    for length in stride(from: opening.count, to: 0, by: -1) {
      // A part of a longer prompt ends with a line or a mark, not within a word.
      let last = opening[length - 1]
      guard length == opening.count || [UInt8(ascii: "\n"), UInt8(ascii: ">")].contains(last) else {
        continue
      }
      if let end = Self.end(ofLast: opening[..<length], in: between) { return first + end }
    }
    return opening.isEmpty ? shared : nil
  }

  /// The text around a message's content when that is a mark; nil where the mark is not in it.
  private func marked(_ index: Int, of messages: [JSONValue]) throws -> (
    before: [UInt8], behind: [UInt8]
  )? {
    let mark = Array("\u{E000}\u{E001}\(index)\u{E001}\u{E000}".utf8)
    var messages = messages
    var message = messages[index].objectValue ?? JSONObject()
    message["content"] = .string(String(decoding: mark, as: UTF8.self))
    messages[index] = .object(message)
    let text = try render(messages)
    guard let end = Self.end(ofLast: mark[...], in: text) else { return nil }
    return (Array(text[..<(end - mark.count)]), Array(text[end...]))
  }

  private static func end(ofLast part: ArraySlice<UInt8>, in text: [UInt8]) -> Int? {
    guard part.count <= text.count else { return nil }
    for start in stride(from: text.count - part.count, through: 0, by: -1)
    where text[start..<start + part.count].elementsEqual(part) {
      return start + part.count
    }
    return nil
  }

  private static func commonLength(_ first: [UInt8], _ second: [UInt8]) -> Int {
    zip(first, second).prefix { $0 == $1 }.count
  }

  private func unknownPlace(_ index: Int) -> LineMistake {
    LineMistake(
      message: "message \(index) cannot be found in the rendered conversation, because the chat"
        + " template writes it in another way there than alone; set labels to everything, or mark"
        + " what is learned with {% generation %} in the template")
  }
}
