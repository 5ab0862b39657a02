import Documents

/// Turns documents of every format into ids and labels.
struct DocumentEncoder {
  let specification: DatasetSpecification
  private let encoder: any TextEncoder
  let chat: ChatFormat?

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

  func begun(_ text: String) -> [Int32] {
    switch specification.beginningOfText {
    case .asTokenizer: return encoder.encode(text, addSpecialTokens: true)
    case .never: return encoder.encode(text, addSpecialTokens: false)
    case .always: return [encoder.beginningOfText!] + encoder.encode(text, addSpecialTokens: false)
    }
  }

  /// With the end-of-text token, unless the tokenizer itself has put one there.
  func ended(_ tokens: [Int32]) -> [Int32] {
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
    case .jsonlChat: return try conversation(messages(object), variables(object))
    case .text, .binidx, .tokenIDs, .associativeRecall:
      preconditionFailure("\(specification.format.rawValue) has no lines of JSON")
    }
  }

  func string(_ object: JSONObject, _ field: String) throws -> String {
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
}
