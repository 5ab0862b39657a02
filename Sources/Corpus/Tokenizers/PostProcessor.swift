import Documents

/// Puts the special tokens of a single sequence around its ids.
struct PostProcessor: Sendable {
  private(set) var before: [Int32] = []
  private(set) var after: [Int32] = []

  static let supported = [
    "TemplateProcessing", "ByteLevel", "BertProcessing", "RobertaProcessing", "Sequence",
  ]

  init(before: [Int32] = [], after: [Int32] = []) {
    self.before = before
    self.after = after
  }

  init(_ component: TokenizerComponent) throws {
    let type = try component.string("type")
    switch type {
    case "ByteLevel":
      // It only corrects offsets, which are not computed here.
      break
    case "TemplateProcessing":
      try readTemplate(component)
    case "BertProcessing", "RobertaProcessing":
      before = [try Self.markedToken(component, "cls")]
      after = [try Self.markedToken(component, "sep")]
    case "Sequence":
      for part in try component.components("processors") {
        let processor = try PostProcessor(part)
        before = processor.before + before
        after += processor.after
      }
    default:
      throw component.unsupported("post-processor", type, supported: Self.supported)
    }
  }

  func apply(to ids: [Int32]) -> [Int32] { before + ids + after }

  private mutating func readTemplate(_ component: TokenizerComponent) throws {
    let specials = try component.component("special_tokens")
    var hasSequence = false
    for piece in try component.components("single") {
      if piece.value("Sequence") != nil {
        if hasSequence { throw piece.failure("the sequence stands twice in the template") }
        hasSequence = true
      } else if let name = try piece.component("SpecialToken")?.string("id") {
        guard let ids = specials?.value(name)?["ids"]?.arrayValue else {
          throw piece.failure("SpecialToken", "\"\(name)\" has no ids in special_tokens")
        }
        let tokens = try ids.map { try Self.token($0, in: piece) }
        if hasSequence { after += tokens } else { before += tokens }
      } else {
        throw piece.failure("expected {\"Sequence\": …} or {\"SpecialToken\": …}")
      }
    }
    if !hasSequence { throw component.failure("single", "has no place for the sequence") }
  }

  private static func token(_ id: JSONValue, in piece: TokenizerComponent) throws -> Int32 {
    guard let token = id.intValue.flatMap(Int32.init(exactly:)), token >= 0 else {
      throw piece.failure("SpecialToken", "found \(id.kindDescription), expected a token id")
    }
    return token
  }

  /// The id of a pair `["<s>", 0]`.
  private static func markedToken(_ component: TokenizerComponent, _ key: String) throws -> Int32 {
    let pair = try component.array(key)
    guard pair.count == 2, let id = pair[1].intValue.flatMap(Int32.init(exactly:)), id >= 0 else {
      throw component.failure(key, "expected a token and its id")
    }
    return id
  }
}
