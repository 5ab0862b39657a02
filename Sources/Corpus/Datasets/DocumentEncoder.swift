import Documents

/// Turns documents of every format into ids and labels.
struct DocumentEncoder {
  private let specification: DatasetSpecification
  private let encoder: any TextEncoder
  private let chat: ChatFormat?

  /// - Throws: `DatasetError` when the tokenizer or the teacher lacks what the format needs.
  init(
    _ specification: DatasetSpecification, encoder: any TextEncoder, chat: ChatFormat?
  ) throws {
    self.specification = specification
    self.encoder = encoder
    self.chat = chat
    func missing(_ what: String, _ advice: String) -> DatasetError {
      .badData("\(specification.path): the teacher's tokenizer has no \(what); \(advice)")
    }
    if specification.appendEndOfText, encoder.endOfText == nil {
      throw missing("end-of-text token", "set appendEndOfText to false")
    }
    if specification.beginningOfText == .always, encoder.beginningOfText == nil {
      throw missing("beginning-of-text token", "set beginningOfText to never")
    }
    if specification.format == .jsonlChat, chat == nil {
      throw missing("chat template", "use a teacher that has one, or another format")
    }
  }

  // MARK: Text

  func text(_ text: String) -> EncodedDocument {
    let begun = begun(text)
    let tokens = ended(begun)
    var document = EncodedDocument(tokens: tokens)
    // An end that the recipe adds is the end of the whole text, not of what is left of it.
    if specification.beginningOfText == .asTokenizer, tokens.count == begun.count {
      document.closing = encoder.closingTokens
    }
    return document
  }

  private func begun(_ text: String) -> [Int32] {
    switch specification.beginningOfText {
    case .asTokenizer: return encoder.encode(text, addSpecialTokens: true)
    case .never: return encoder.encode(text, addSpecialTokens: false)
    case .always: return [encoder.beginningOfText!] + encoder.encode(text, addSpecialTokens: false)
    }
  }

  /// With the end-of-text token, unless the tokenizer itself has put one there.
  private func ended(_ tokens: [Int32]) -> [Int32] {
    guard specification.appendEndOfText, let end = encoder.endOfText, tokens.last != end else {
      return tokens
    }
    return tokens + [end]
  }

  // MARK: JSON lines

  /// - Throws: `LineMistake`, `ChatTemplateError`.
  func object(_ object: JSONObject) throws -> EncodedDocument {
    switch specification.format {
    case .jsonlText: return text(try string(object, specification.textField))
    case .jsonlInstruction: return try instruction(object)
    case .jsonlChat: return try conversation(messages(object))
    case .text, .binidx, .tokenIDs, .associativeRecall:
      preconditionFailure("\(specification.format.rawValue) has no lines of JSON")
    }
  }

  private func string(_ object: JSONObject, _ field: String) throws -> String {
    guard let value = object[field] else {
      let known = object.keys.map { "\"\($0)\"" }.joined(separator: ", ")
      throw LineMistake(
        message: "has no member \"\(field)\"; its members are \(known.isEmpty ? "none" : known)")
    }
    guard let text = value.stringValue else {
      throw LineMistake(message: "\"\(field)\" is \(value.kindDescription), expected a string")
    }
    return text
  }

  /// The Alpaca prompt, in the wording that LoLCATs trains on; prompt and answer are encoded
  /// apart, so that no token lies across their border.
  private func instruction(_ object: JSONObject) throws -> EncodedDocument {
    let instruction = try string(object, specification.instructionField)
    let isGiven = !(object[specification.inputField]?.isNull ?? true)
    let input = isGiven ? try string(object, specification.inputField) : ""
    let answer = try string(object, specification.outputField)
    let prompt = begun(Self.prompt(instruction: instruction, input: input))
    let answered = ended(encoder.encode(answer, addSpecialTokens: false))
    let hidden =
      specification.labels == .everything
      ? prompt : [Int32](repeating: PackedSequence.ignoredLabel, count: prompt.count)
    return EncodedDocument(tokens: prompt + answered, labels: hidden + answered)
  }

  static func prompt(instruction: String, input: String) -> String {
    let opening = "Below is an instruction that describes a task"
    let request = "Write a response that appropriately completes the request."
    return input.isEmpty
      ? "\(opening). \(request)\n\n### Instruction:\n\(instruction)\n\n### Response:\n"
      : "\(opening), paired with an input that provides further context. \(request)"
        + "\n\n### Instruction:\n\(instruction)\n\n### Input:\n\(input)\n\n### Response:\n"
  }

  // MARK: Conversations

  private func messages(_ object: JSONObject) throws -> [JSONValue] {
    let field = specification.messagesField
    guard let value = object[field] else {
      _ = try string(object, field)
      return []
    }
    guard let messages = value.arrayValue, !messages.isEmpty else {
      throw LineMistake(
        message: "\"\(field)\" is \(value.kindDescription), expected an array of messages")
    }
    for (index, message) in messages.enumerated() {
      guard message.objectValue != nil, message["role"]?.stringValue != nil else {
        throw LineMistake(
          message:
            "\"\(field)[\(index)]\" has no \"role\", expected an object with role and content")
      }
    }
    return messages
  }

  private func conversation(_ messages: [JSONValue]) throws -> EncodedDocument {
    let text = try chat!.render(messages, addGenerationPrompt: false)
    let tokens = ended(begun(text))
    if specification.labels == .everything { return EncodedDocument(tokens: tokens) }
    let spans = try answers(messages, in: text)
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

  /// Where the assistant speaks, in bytes of the rendered text: from the end of the generation
  /// prompt before a message to the end of that message with its closing marks.
  private func answers(_ messages: [JSONValue], in text: String) throws -> [Range<Int>] {
    try messages.indices.filter { messages[$0]["role"]?.stringValue == "assistant" }.map { index in
      let before = try chat!.render(Array(messages[..<index]), addGenerationPrompt: true)
      let after =
        index == messages.count - 1
        ? text : try chat!.render(Array(messages[...index]), addGenerationPrompt: false)
      guard text.utf8.starts(with: before.utf8), text.utf8.starts(with: after.utf8),
        before.utf8.count <= after.utf8.count
      else {
        throw LineMistake(
          message: "message \(index) cannot be found in the rendered conversation, because the chat"
            + " template writes earlier messages differently once others follow; set labels to"
            + " everything, or split the conversation so that it ends with this message")
      }
      return before.utf8.count..<after.utf8.count
    }
  }

  /// How many tokens lie before a byte of the text. A token across it does not; so the text is
  /// encoded as a whole, as it is in use, whatever the borders.
  private func position(of offset: Int, in text: String, _ tokens: [Int32]) -> Int {
    let prefix = begun(String(decoding: text.utf8.prefix(offset), as: UTF8.self))
    return zip(prefix, tokens).prefix { $0 == $1 }.count
  }
}
