/// Turns the spellings of tokens back into text.
indirect enum TokenDecoder: Sendable {
  case byteLevel
  case byteFallback
  case fuse
  case replace(pattern: [UInt8], content: [UInt8])
  case strip(content: Unicode.Scalar, start: Int, stop: Int)
  case metaspace(replacement: [UInt8], stripsFirst: Bool)
  case wordSuffix([UInt8])
  case wordPiece(prefix: [UInt8], cleansUp: Bool)
  case sequence([TokenDecoder])

  static let supported = [
    "ByteLevel", "ByteFallback", "Fuse", "Replace", "Strip", "Metaspace", "BPEDecoder",
    "WordPiece", "Sequence",
  ]

  init(_ component: TokenizerComponent) throws {
    let type = try component.string("type")
    switch type {
    case "ByteLevel":
      self = .byteLevel
    case "ByteFallback":
      self = .byteFallback
    case "Fuse":
      self = .fuse
    case "Replace":
      let replacement = try LiteralReplacement(component)
      self = .replace(pattern: replacement.pattern, content: replacement.content)
    case "Strip":
      self = .strip(
        content: try component.scalar("content"),
        start: try component.integer("start", in: 0...1024),
        stop: try component.integer("stop", in: 0...1024))
    case "Metaspace":
      let metaspace = try Metaspace(component)
      self = .metaspace(
        replacement: metaspace.replacement, stripsFirst: metaspace.prependScheme != .never)
    case "BPEDecoder":
      self = .wordSuffix(Array(try component.optionalString("suffix")?.utf8 ?? "</w>".utf8))
    case "WordPiece":
      self = .wordPiece(
        prefix: Array((try component.optionalString("prefix") ?? "##").utf8),
        cleansUp: try component.boolean("cleanup", default: true))
    case "Sequence":
      self = .sequence(try component.components("decoders").map(TokenDecoder.init))
    default:
      throw component.unsupported("decoder", type, supported: Self.supported)
    }
  }

  /// Whether a byte token of an unfinished character can still change what came before it.
  var spellsBytesAsTokens: Bool {
    switch self {
    case .byteFallback: true
    case .sequence(let decoders): decoders.contains(where: \.spellsBytesAsTokens)
    default: false
    }
  }

  var isByteLevel: Bool { if case .byteLevel = self { true } else { false } }

  /// Transforms the list of spellings; their concatenation is the text.
  func apply(to tokens: [[UInt8]]) -> [[UInt8]] {
    switch self {
    case .byteLevel:
      let bytes = tokens.flatMap(ByteLevelAlphabet.bytes(spelledBy:))
      return [Array(String(decoding: bytes, as: UTF8.self).utf8)]
    case .byteFallback:
      return Self.joinByteTokens(tokens)
    case .fuse:
      return [Array(tokens.joined())]
    case .replace(let pattern, let content):
      return tokens.map { $0.replacing(pattern, with: content) }
    case .strip(let content, let start, let stop):
      return tokens.map { Self.strip($0, Array(UTF8.encode(content)!), start: start, stop: stop) }
    case .metaspace(let replacement, let stripsFirst):
      return tokens.enumerated().map { index, token in
        token.replacing(replacement, with: index == 0 && stripsFirst ? [] : [UInt8(ascii: " ")])
      }
    case .wordSuffix(let suffix):
      return tokens.enumerated().map { index, token in
        token.replacing(suffix, with: index == tokens.count - 1 ? [] : [UInt8(ascii: " ")])
      }
    case .wordPiece(let prefix, let cleansUp):
      return tokens.enumerated().map { index, token in
        var text = token
        if index > 0 {
          text =
            token.starts(with: prefix)
            ? Array(token.dropFirst(prefix.count)) : [UInt8(ascii: " ")] + token
        }
        return cleansUp ? Self.cleanedUp(text) : text
      }
    case .sequence(let decoders):
      return decoders.reduce(tokens) { $1.apply(to: $0) }
    }
  }

  /// English punctuation and contractions without the space that splitting put before them.
  private static func cleanedUp(_ token: [UInt8]) -> [UInt8] {
    let rules = [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
      (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ]
    return rules.reduce(token) { $0.replacing(Array($1.0.utf8), with: Array($1.1.utf8)) }
  }

  /// The byte that a token `<0x0A>` stands for.
  static func byte(of token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else {
      return nil
    }
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }

  /// Runs of byte tokens become text if they are UTF-8, and U+FFFD for each byte if not.
  private static func joinByteTokens(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var output: [[UInt8]] = []
    var run: [UInt8] = []
    func flush() {
      if run.isEmpty { return }
      if String(validating: run, as: UTF8.self) != nil {
        output.append(run)
      } else {
        output.append(contentsOf: repeatElement(Array("\u{FFFD}".utf8), count: run.count))
      }
      run.removeAll()
    }
    for token in tokens {
      if let byte = byte(of: token) {
        run.append(byte)
      } else {
        flush()
        output.append(token)
      }
    }
    flush()
    return output
  }

  private static func strip(_ token: [UInt8], _ content: [UInt8], start: Int, stop: Int)
    -> [UInt8]
  {
    var kept = token[...]
    for _ in 0..<start {
      guard kept.starts(with: content) else { break }
      kept.removeFirst(content.count)
    }
    for _ in 0..<stop {
      guard kept.suffix(content.count).elementsEqual(content) else { break }
      kept.removeLast(content.count)
    }
    return Array(kept)
  }
}
