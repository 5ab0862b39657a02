/// The split patterns of the supported families as hand-written scanners.
///
/// Each pattern matches at every position of every text, so a scanner only has to say where the
/// match that begins at a position ends. `\s+(?!\S)` leaves the last scalar of a run of
/// whitespace to what follows it.
enum PatternScanner: Sendable, Equatable {
  /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
  case gpt2
  /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}|`
  /// ` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: Llama 3 with three digits, Qwen 2 with one.
  case newlineAware(digits: Int)

  /// The scanner of a pattern as it is spelled in published tokenizers.
  init?(pattern: String) {
    guard let known = Self.known.first(where: { $0.pattern.utf8.elementsEqual(pattern.utf8) })
    else { return nil }
    self = known.scanner
  }

  static let known: [(pattern: String, scanner: PatternScanner)] = {
    let tail = #"| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    let newlineTail = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    let contractions = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"#
    let shortContractions = #"(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+"#
    return [
      (#"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+"# + tail, .gpt2),
      (#"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+"# + tail, .gpt2),
      (contractions + #"|\p{N}{1,3}"# + newlineTail, .newlineAware(digits: 3)),
      ("'" + shortContractions + #"|\p{N}{1,3}"# + newlineTail, .newlineAware(digits: 3)),
      (contractions + #"|\p{N}"# + newlineTail, .newlineAware(digits: 1)),
      ("'" + shortContractions + #"|\p{N}"# + newlineTail, .newlineAware(digits: 1)),
    ]
  }()

  /// The end of the match that begins at `start`, which is before the end of the text.
  @inline(__always)
  func end(from start: Int, in text: ScalarCursor) -> Int {
    switch self {
    case .gpt2: Self.endForGPT2(start, text)
    case .newlineAware(let digits): Self.endForNewlineAware(start, text, digits: digits)
    }
  }

  private static let visible =
    ScalarClasses.letter | ScalarClasses.number | ScalarClasses.whitespace

  private static func endForGPT2(_ start: Int, _ text: ScalarCursor) -> Int {
    if text.bytes[start] == UInt8(ascii: "'"),
      let end = endOfContraction(start + 1, text, ignoringCase: false)
    {
      return end
    }
    var (flags, next) = text.read(start)
    if text.bytes[start] == UInt8(ascii: " "), next < text.end {
      let following = text.read(next)
      if following.flags & ScalarClasses.whitespace == 0 { (flags, next) = following }
    }
    if flags & ScalarClasses.letter != 0 { return text.run(of: ScalarClasses.letter, from: next) }
    if flags & ScalarClasses.number != 0 { return text.run(of: ScalarClasses.number, from: next) }
    if flags & ScalarClasses.whitespace == 0 { return text.run(without: visible, from: next) }
    return endOfWhitespace(start, text)
  }

  private static func endForNewlineAware(_ start: Int, _ text: ScalarCursor, digits: Int) -> Int {
    let first = text.bytes[start]
    if first == UInt8(ascii: "'"),
      let end = endOfContraction(start + 1, text, ignoringCase: true)
    {
      return end
    }
    let (flags, next) = text.read(start)
    if flags & ScalarClasses.letter != 0 { return text.run(of: ScalarClasses.letter, from: next) }
    if flags & ScalarClasses.number != 0 {
      var end = next
      for _ in 1..<digits {
        let digit = text.read(end)
        if digit.flags & ScalarClasses.number == 0 { break }
        end = digit.next
      }
      return end
    }
    let following = text.read(next)
    if !isNewline(first), following.flags & ScalarClasses.letter != 0 {
      return text.run(of: ScalarClasses.letter, from: following.next)
    }
    if flags & ScalarClasses.whitespace == 0 { return endOfSymbols(next, text) }
    if first == UInt8(ascii: " "), next < text.end, following.flags & visible == 0 {
      return endOfSymbols(following.next, text)
    }
    // `\s*[\r\n]+` ends after the last newline of the run of whitespace.
    let end = text.run(of: ScalarClasses.whitespace, from: start)
    var lastNewline = end
    while lastNewline > start {
      if isNewline(text.bytes[lastNewline - 1]) { return lastNewline }
      lastNewline = text.previous(lastNewline)
    }
    return endOfWhitespace(start, end, text)
  }

  private static func endOfSymbols(_ position: Int, _ text: ScalarCursor) -> Int {
    var end = text.run(without: visible, from: position)
    while end < text.end, isNewline(text.bytes[end]) { end += 1 }
    return end
  }

  private static func endOfWhitespace(_ start: Int, _ text: ScalarCursor) -> Int {
    endOfWhitespace(start, text.run(of: ScalarClasses.whitespace, from: start), text)
  }

  private static func endOfWhitespace(_ start: Int, _ end: Int, _ text: ScalarCursor) -> Int {
    if end == text.end { return end }
    let last = text.previous(end)
    return last > start ? last : end
  }

  @inline(__always)
  private static func isNewline(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

  /// The end of `s`, `t`, `m`, `d`, `re`, `ve` or `ll` at a position, if one is there.
  private static func endOfContraction(
    _ position: Int, _ text: ScalarCursor, ignoringCase: Bool
  ) -> Int? {
    func letter(_ position: Int) -> UInt8 {
      if position >= text.end { return 0 }
      let byte = text.bytes[position]
      return ignoringCase && (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
    }
    switch letter(position) {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
      return position + 1
    case UInt8(ascii: "r"), UInt8(ascii: "v"):
      return letter(position + 1) == UInt8(ascii: "e") ? position + 2 : nil
    case UInt8(ascii: "l"):
      return letter(position + 1) == UInt8(ascii: "l") ? position + 2 : nil
    // The long s "ſ" is an s when case is ignored.
    case 0xC5 where ignoringCase && position + 1 < text.end && text.bytes[position + 1] == 0xBF:
      return position + 2
    default:
      return nil
    }
  }
}
