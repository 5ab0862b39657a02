/// A token of a template and the line it begins on.
struct TemplateToken: Sendable, Equatable {
  enum Kind: Sendable, Equatable {
    case text(String)
    case outputBegin, outputEnd, blockBegin, blockEnd
    case name(String)
    case string(String)
    case integer(Int)
    case number(Double)
    case symbol(String)
    case end
  }

  let kind: Kind
  let line: Int

  /// What a message calls this token.
  var description: String {
    switch kind {
    case .text: "text"
    case .outputBegin: "{{"
    case .outputEnd: "the end of the output }}"
    case .blockBegin: "{%"
    case .blockEnd: "the end of the block %}"
    case .name(let name): "\"\(name)\""
    case .string(let value): "the string \(pythonQuoted(value))"
    case .integer(let value): "the integer \(value)"
    case .number(let value): "the number \(pythonSpelling(of: value))"
    case .symbol(let symbol): "\"\(symbol)\""
    case .end: "the end of the template"
    }
  }
}

/// Cuts a template into tokens with the whitespace rules that `transformers` sets: `trim_blocks`
/// (a line end right after a block or comment goes) and `lstrip_blocks` (so does white space
/// between the start of a line and a block or comment), one final line end is dropped, and line
/// ends are `\n`. `-` strips all white space on its side, `+` keeps what the rules would take.
struct TemplateLexer {
  private let source: [Unicode.Scalar]
  private let location: String
  private var position = 0
  private var line = 1
  private var tokens: [TemplateToken] = []
  /// Whether the next text begins a line.
  private var startsLine = true

  static func tokens(of source: String, location: String) throws -> [TemplateToken] {
    var lexer = TemplateLexer(source: source, location: location)
    try lexer.run()
    return lexer.tokens
  }

  private init(source: String, location: String) {
    var scalars: [Unicode.Scalar] = []
    var previous: Unicode.Scalar?
    for scalar in source.unicodeScalars {
      if !(scalar == "\n" && previous == "\r") { scalars.append(scalar == "\r" ? "\n" : scalar) }
      previous = scalar
    }
    if scalars.last == "\n" { scalars.removeLast() }
    self.source = scalars
    self.location = location
  }

  private mutating func run() throws {
    while position < source.count {
      let start = position
      while position < source.count, !opensTag(at: position) { position += 1 }
      var text = source[start..<position]
      guard position < source.count else {
        emitText(text)
        line += text.count { $0 == "\n" }
        break
      }
      let tag = source[position + 1]
      let sign = scalar(at: position + 2)
      let isSigned = sign == "-" || sign == "+"
      if sign == "-" {
        while let last = text.last, isPythonSpace(last) { text.removeLast() }
      } else if sign != "+", tag != "{" {
        stripLineStart(&text)
      }
      emitText(text)
      line += source[start..<position].count { $0 == "\n" }
      let begin = position
      position += isSigned ? 3 : 2
      switch tag {
      case "#": try comment(openedOn: line)
      case "%" where rawBegins(): try raw()
      case "%": try code(begin: .blockBegin, end: .blockEnd, closing: "%")
      default: try code(begin: .outputBegin, end: .outputEnd, closing: "}")
      }
      startsLine = position > begin && source[position - 1] == "\n"
    }
    tokens.append(TemplateToken(kind: .end, line: line))
  }

  // MARK: Text

  private func scalar(at index: Int) -> Unicode.Scalar? {
    index < source.count ? source[index] : nil
  }

  private func opensTag(at index: Int) -> Bool {
    guard source[index] == "{", let next = scalar(at: index + 1) else { return false }
    return next == "%" || next == "{" || next == "#"
  }

  private func stripLineStart(_ text: inout ArraySlice<Unicode.Scalar>) {
    let lineStart = text.lastIndex(of: "\n").map { $0 + 1 } ?? text.startIndex
    guard lineStart > text.startIndex || startsLine,
      text[lineStart...].allSatisfy(isPythonSpace)
    else { return }
    text = text[..<lineStart]
  }

  private mutating func emitText(_ text: ArraySlice<Unicode.Scalar>) {
    if !text.isEmpty { tokens.append(TemplateToken(kind: .text(String(text)), line: line)) }
  }

  private mutating func advance(to end: Int) {
    line += source[position..<end].count { $0 == "\n" }
    position = end
  }

  /// Passes the closing `sign`, the two closing scalars, and the white space they take.
  private mutating func close(signed sign: Unicode.Scalar?, trimsLineEnd: Bool) {
    position += sign == nil ? 2 : 3
    if sign == "-" {
      var end = position
      while let scalar = scalar(at: end), isPythonSpace(scalar) { end += 1 }
      advance(to: end)
    } else if sign == nil, trimsLineEnd, scalar(at: position) == "\n" {
      advance(to: position + 1)
    }
  }

  private mutating func comment(openedOn opening: Int) throws {
    var end = position
    while scalar(at: end) != "#" || scalar(at: end + 1) != "}" {
      if end >= source.count { throw failure("the comment is not closed; expected #}") }
      end += 1
    }
    let sign = end > position ? source[end - 1] : nil
    let isSigned = sign == "-" || sign == "+"
    advance(to: isSigned ? end - 1 : end)
    close(signed: isSigned ? sign : nil, trimsLineEnd: true)
  }

  // MARK: Raw

  /// Index behind `word` and white space around it, when that is what stands at `index`.
  private func pass(_ word: String, from index: Int) -> Int? {
    var index = index
    while let scalar = scalar(at: index), isPythonSpace(scalar) { index += 1 }
    for expected in word.unicodeScalars {
      guard scalar(at: index) == expected else { return nil }
      index += 1
    }
    while let scalar = scalar(at: index), isPythonSpace(scalar) { index += 1 }
    return index
  }

  private func closing(at index: Int) -> (sign: Unicode.Scalar?, isThere: Bool) {
    let sign = scalar(at: index)
    let isSigned = sign == "-" || sign == "+"
    let first = isSigned ? index + 1 : index
    return (isSigned ? sign : nil, scalar(at: first) == "%" && scalar(at: first + 1) == "}")
  }

  private func rawBegins() -> Bool {
    pass("raw", from: position).map { closing(at: $0).isThere } ?? false
  }

  private mutating func raw() throws {
    let opened = pass("raw", from: position)!
    advance(to: opened)
    close(signed: closing(at: opened).sign, trimsLineEnd: false)
    let start = position
    for index in position..<max(position, source.count) where opensTag(at: index) {
      guard source[index + 1] == "%" else { continue }
      let sign = scalar(at: index + 2)
      let isSigned = sign == "-" || sign == "+"
      guard let end = pass("endraw", from: index + (isSigned ? 3 : 2)), closing(at: end).isThere
      else { continue }
      var text = source[start..<index]
      if sign == "-" {
        while let last = text.last, isPythonSpace(last) { text.removeLast() }
      } else if sign != "+" {
        startsLine = start > 0 && source[start - 1] == "\n"
        stripLineStart(&text)
      }
      emitText(text)
      advance(to: end)
      close(signed: closing(at: end).sign, trimsLineEnd: true)
      return
    }
    throw failure("the raw block is not closed; expected {% endraw %}")
  }

  // MARK: Code

  private mutating func code(
    begin: TemplateToken.Kind, end: TemplateToken.Kind, closing: Unicode.Scalar
  ) throws {
    emit(begin)
    let opening = line
    var open: [Unicode.Scalar] = []
    while true {
      guard let scalar = scalar(at: position) else {
        throw failure(
          "the template ends inside \(closing == "%" ? "{%" : "{{"); expected "
            + (closing == "%" ? "%}" : "}}"), line: opening)
      }
      if open.isEmpty, let sign = codeEnds(closing) {
        emit(end)
        close(signed: sign == " " ? nil : sign, trimsLineEnd: closing == "%")
        return
      }
      if isPythonSpace(scalar) {
        advance(to: position + 1)
      } else if scalar == "'" || scalar == "\"" {
        try string(quote: scalar)
      } else if isDigit(scalar) {
        try number()
      } else if isNameStart(scalar) {
        var last = position
        while let next = self.scalar(at: last), isNameStart(next) || isDigit(next) { last += 1 }
        emit(.name(String(source[position..<last])))
        position = last
      } else {
        try symbol(scalar, open: &open)
      }
    }
  }

  /// The sign before the closing brackets here, a space for none, `nil` when none close here.
  private func codeEnds(_ closing: Unicode.Scalar) -> Unicode.Scalar? {
    let sign = source[position]
    if sign == closing, scalar(at: position + 1) == "}" { return " " }
    // A plus keeps the line end that a block would take; an output takes none.
    guard sign == "-" || (sign == "+" && closing == "%") else { return nil }
    return scalar(at: position + 1) == closing && scalar(at: position + 2) == "}" ? sign : nil
  }

  private mutating func symbol(_ scalar: Unicode.Scalar, open: inout [Unicode.Scalar]) throws {
    if let next = self.scalar(at: position + 1) {
      let pair = String(String.UnicodeScalarView([scalar, next]))
      if ["**", "//", "==", "!=", ">=", "<="].contains(pair) {
        emit(.symbol(pair))
        position += 2
        return
      }
    }
    switch scalar {
    case "(", "[", "{": open.append(scalar)
    case ")", "]", "}":
      let expected: Unicode.Scalar = scalar == ")" ? "(" : scalar == "]" ? "[" : "{"
      guard open.popLast() == expected else {
        throw failure("found \"\(scalar)\" without the \"\(expected)\" that it closes")
      }
    case "+", "-", "/", "*", "%", "~", ">", "<", "=", ".", ":", "|", ",": break
    default:
      throw failure("found the character \(pythonQuoted(String(scalar))), expected an expression")
    }
    emit(.symbol(String(scalar)))
    position += 1
  }

  private mutating func number() throws {
    func passDigits(_ index: Int) -> Int {
      var index = index
      while let scalar = scalar(at: index), isDigit(scalar) || scalar == "_" { index += 1 }
      return index
    }
    let start = position
    var end = passDigits(start)
    var isInteger = true
    // In `pair.0.1` the digits after a dot are a position, never a fraction.
    if tokens.last?.kind != .symbol(".") {
      if scalar(at: end) == ".", let next = scalar(at: end + 1), isDigit(next) {
        end = passDigits(end + 1)
        isInteger = false
      }
      if scalar(at: end) == "e" || scalar(at: end) == "E" {
        let isSigned = scalar(at: end + 1) == "+" || scalar(at: end + 1) == "-"
        let digits = end + (isSigned ? 2 : 1)
        if let next = scalar(at: digits), isDigit(next) {
          end = passDigits(digits)
          isInteger = false
        }
      }
    }
    let spelling = String(source[start..<end]).filter { $0 != "_" }
    if isInteger {
      guard let value = Int(spelling) else {
        throw failure("the integer \(spelling) is too large; expected at most \(Int.max)")
      }
      emit(.integer(value))
    } else {
      guard let value = Double(spelling) else { throw failure("\(spelling) is no number") }
      emit(.number(value))
    }
    position = end
  }

  private mutating func string(quote: Unicode.Scalar) throws {
    let opening = line
    var end = position + 1
    while let scalar = scalar(at: end), scalar != quote { end += scalar == "\\" ? 2 : 1 }
    guard end < source.count else {
      throw failure("the string is not closed; expected \(quote)", line: opening)
    }
    emit(.string(pythonUnescaped(source[position + 1..<end])))
    advance(to: end + 1)
  }

  private mutating func emit(_ kind: TemplateToken.Kind) {
    tokens.append(TemplateToken(kind: kind, line: line))
  }

  private func failure(_ message: String, line: Int? = nil) -> ChatTemplateError {
    ChatTemplateError(
      kind: .syntax, location: location, line: line ?? self.line, message: message)
  }
}

private func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

private func isNameStart(_ scalar: Unicode.Scalar) -> Bool {
  scalar == "_" || scalar.properties.isXIDStart
}

extension String {
  init(_ scalars: ArraySlice<Unicode.Scalar>) {
    self = String(String.UnicodeScalarView(scalars))
  }
}
