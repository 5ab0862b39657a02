/// Splits normalised text into the words within which pairs are merged.
indirect enum PreTokenizer: Sendable {
  case byteLevel(addPrefixSpace: Bool, usesPattern: Bool)
  case splitPattern(PatternScanner, PreTokens.Behaviour, invert: Bool)
  case splitExpression(SplitExpression, PreTokens.Behaviour, invert: Bool)
  case splitLiteral([UInt8], PreTokens.Behaviour, invert: Bool)
  case digits(individual: Bool)
  case whitespace
  case whitespaceSplit
  case punctuation(PreTokens.Behaviour)
  case metaspace(Metaspace)
  case sequence([PreTokenizer])

  static let supported = [
    "ByteLevel", "Split", "Digits", "Whitespace", "WhitespaceSplit", "Punctuation", "Metaspace",
    "BertPreTokenizer", "Sequence",
  ]

  init(_ component: TokenizerComponent) throws {
    let type = try component.string("type")
    switch type {
    case "ByteLevel":
      self = .byteLevel(
        addPrefixSpace: try component.boolean("add_prefix_space", default: true),
        usesPattern: try component.boolean("use_regex", default: true))
    case "Split":
      self = try Self.split(component)
    case "Digits":
      self = .digits(individual: try component.boolean("individual_digits", default: false))
    case "Whitespace":
      self = .whitespace
    case "WhitespaceSplit":
      self = .whitespaceSplit
    case "Punctuation":
      self = .punctuation(try component.word("behavior", default: .isolated))
    case "Metaspace":
      self = .metaspace(try Metaspace(component))
    case "BertPreTokenizer":
      self = .sequence([.whitespaceSplit, .punctuation(.isolated)])
    case "Sequence":
      self = .sequence(try component.components("pretokenizers").map(PreTokenizer.init))
    default:
      throw component.unsupported("pre-tokeniser", type, supported: Self.supported)
    }
  }

  private static func split(_ component: TokenizerComponent) throws -> PreTokenizer {
    let behaviour: PreTokens.Behaviour = try component.word("behavior", default: nil)
    let invert = try component.boolean("invert", default: false)
    let pattern = component.value("pattern")
    if let literal = pattern?["String"]?.stringValue, !literal.isEmpty {
      if literal.utf8.count > LiteralReplacement.longestPattern {
        throw component.failure(
          "pattern",
          "has \(literal.utf8.count) bytes, expected at most \(LiteralReplacement.longestPattern)")
      }
      return .splitLiteral(Array(literal.utf8), behaviour, invert: invert)
    }
    guard let expression = pattern?["Regex"]?.stringValue else {
      throw component.failure(
        "pattern",
        "found \(pattern?.compact ?? "nothing"), expected {\"String\": …} or {\"Regex\": …}")
    }
    if let scanner = PatternScanner(pattern: expression) {
      return .splitPattern(scanner, behaviour, invert: invert)
    }
    do {
      return .splitExpression(try SplitExpression(expression), behaviour, invert: invert)
    } catch let error as SplitExpressionError {
      throw component.failure("pattern.Regex", "the pattern \(expression) \(error)")
    }
  }

  /// Whether every byte is spelled as a character of its own.
  var spellsBytes: Bool {
    switch self {
    case .byteLevel: true
    case .sequence(let parts): parts.contains(where: \.spellsBytes)
    default: false
    }
  }

  func apply(to tokens: inout PreTokens) {
    switch self {
    case .byteLevel(let addPrefixSpace, let usesPattern):
      if addPrefixSpace {
        tokens.rewrite { piece, _, output in
          if piece[0] != UInt8(ascii: " ") { output.append(UInt8(ascii: " ")) }
          output.append(contentsOf: piece)
        }
      }
      if usesPattern {
        Self.splitPattern(.gpt2, .isolated, invert: false).apply(to: &tokens)
      }
      tokens.rewrite { piece, _, output in ByteLevelAlphabet.spell(piece, into: &output) }
    case .splitPattern(let scanner, let behaviour, let invert):
      // The known patterns match everywhere: isolating matches and keeping what an inverted
      // pattern leaves are the same.
      if behaviour == .isolated || behaviour == .removed && invert {
        tokens.refine { cursor, piece, refined in
          scanner.split(piece, cursor, into: &refined) { .init(start: $0, end: $1) }
        }
      } else {
        tokens.split(behaviour, invert: invert) { cursor, piece, parts in
          scanner.split(piece, cursor, into: &parts) { .init(start: $0, end: $1, isMatch: true) }
        }
      }
    case .splitExpression(let expression, let behaviour, let invert):
      tokens.split(behaviour, invert: invert) { cursor, piece, parts in
        expression.find(in: piece, cursor, into: &parts)
      }
    case .splitLiteral(let literal, let behaviour, let invert):
      tokens.split(atLiteral: literal, behaviour, invert: invert)
    case .digits(let individual):
      tokens.split(at: ScalarClasses.digit, individual ? .isolated : .contiguous)
    case .whitespace:
      tokens.refine(Self.splitWords)
    case .whitespaceSplit:
      tokens.split(at: ScalarClasses.whitespace, .removed)
    case .punctuation(let behaviour):
      tokens.split(at: ScalarClasses.punctuation, behaviour)
    case .metaspace(let metaspace):
      metaspace.apply(to: &tokens)
    case .sequence(let preTokenizers):
      for preTokenizer in preTokenizers { preTokenizer.apply(to: &tokens) }
    }
  }

  /// The matches of `\w+|[^\w\s]+`.
  private static func splitWords(
    _ cursor: ScalarCursor, _ piece: PreTokens.Piece, _ refined: inout [PreTokens.Piece]
  ) {
    let (word, whitespace) = (ScalarClasses.word, ScalarClasses.whitespace)
    var position = piece.start
    while position < piece.end {
      let (flags, next) = cursor.read(position)
      if flags & (word | whitespace) == whitespace {
        position = next
        continue
      }
      let end =
        flags & word != 0
        ? cursor.run(of: word, from: next) : cursor.run(without: word | whitespace, from: next)
      refined.append(PreTokens.Piece(start: position, end: end))
      position = end
    }
  }
}

/// SentencePiece's way to keep spaces: spelled as a visible character that begins the next word.
struct Metaspace: Sendable {
  enum PrependScheme: String, CaseIterable, Sendable { case always, first, never }

  let replacement: [UInt8]
  let prependScheme: PrependScheme
  let splits: Bool

  init(_ component: TokenizerComponent) throws {
    replacement = Array(UTF8.encode(try component.scalar("replacement"))!)
    let scheme: PrependScheme = try component.word("prepend_scheme", default: .always)
    // Older files say `add_prefix_space: false` instead.
    let addsPrefix = try component.boolean("add_prefix_space", default: true)
    if !addsPrefix, component.value("prepend_scheme") != nil, scheme != .never {
      throw component.failure(
        "add_prefix_space", "is false, which contradicts prepend_scheme \"\(scheme.rawValue)\"")
    }
    prependScheme = addsPrefix ? scheme : .never
    splits = try component.boolean("split", default: true)
  }

  func apply(to tokens: inout PreTokens) {
    tokens.rewrite { piece, isStart, output in
      let begins =
        piece[0] == UInt8(ascii: " ") || piece.prefix(replacement.count).elementsEqual(replacement)
      if !begins, prependScheme == .always || prependScheme == .first && isStart {
        output.append(contentsOf: replacement)
      }
      for byte in piece {
        if byte == UInt8(ascii: " ") {
          output.append(contentsOf: replacement)
        } else {
          output.append(byte)
        }
      }
    }
    if splits { tokens.split(atLiteral: replacement, .mergedWithNext) }
  }
}

extension PatternScanner {
  /// Adds a part for each of the matches that cover a piece, one after the other.
  @inline(__always)
  fileprivate func split<Part>(
    _ piece: PreTokens.Piece, _ cursor: ScalarCursor, into parts: inout [Part],
    _ part: (_ start: Int, _ end: Int) -> Part
  ) {
    var position = piece.start
    while position < piece.end {
      let end = end(from: position, in: cursor)
      parts.append(part(position, end))
      position = end
    }
  }
}
