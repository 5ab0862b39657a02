/// Reads the statements of a template; expressions are in `TemplateParser+Expressions.swift`.
struct TemplateParser {
  static let statements = [
    "if", "for", "set", "macro", "with", "filter", "generation", "break", "continue", "raw",
  ]
  /// Deeper nesting than any sensible template has is refused, rather than overflowing the stack.
  static let maximumDepth = 100

  let location: String
  var tokens: [TemplateToken]
  var position = 0
  var depth = 0
  private var loops = 0

  /// Bytes of a template: real ones have some thousands.
  static let longestSource = 1 << 20
  /// Arguments of a call, and parameters of a macro.
  static let maximumArguments = 256

  static func parse(_ source: String, location: String) throws -> [TemplateStatement] {
    if source.utf8.count > longestSource {
      throw ChatTemplateError(
        kind: .syntax, location: location, line: 1,
        message:
          "the template has \(source.utf8.count) bytes, expected at most \(longestSource)")
    }
    var parser = TemplateParser(
      location: location, tokens: try TemplateLexer.tokens(of: source, location: location))
    return try parser.body(until: []).statements
  }

  private init(location: String, tokens: [TemplateToken]) {
    self.location = location
    self.tokens = tokens
  }

  // MARK: Tokens

  var token: TemplateToken { tokens[position] }

  func failure(_ message: String, line: Int? = nil) -> ChatTemplateError {
    ChatTemplateError(
      kind: .syntax, location: location, line: line ?? token.line, message: message)
  }

  func isNext(_ symbol: String) -> Bool { token.kind == .symbol(symbol) }
  func isNextWord(_ word: String) -> Bool { token.kind == .name(word) }

  mutating func skip(_ symbol: String) -> Bool {
    if isNext(symbol) { position += 1 } else { return false }
    return true
  }

  mutating func skipWord(_ word: String) -> Bool {
    if isNextWord(word) { position += 1 } else { return false }
    return true
  }

  mutating func expect(_ symbol: String, _ purpose: String) throws {
    if !skip(symbol) {
      throw failure("found \(token.description), expected \"\(symbol)\" \(purpose)")
    }
  }

  mutating func expectName(_ purpose: String) throws -> String {
    guard case .name(let name) = token.kind else {
      throw failure("found \(token.description), expected \(purpose)")
    }
    position += 1
    return name
  }

  private mutating func expectBlockEnd(_ statement: String) throws {
    guard token.kind == .blockEnd else {
      throw failure(
        "found \(token.description), expected the end %} of \"\(statement)\"")
    }
    position += 1
  }

  mutating func nested<Result>(_ parse: (inout TemplateParser) throws -> Result) throws -> Result {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.maximumDepth {
      throw failure("nested deeper than \(Self.maximumDepth) levels; simplify the template")
    }
    return try parse(&self)
  }

  func checkArguments(_ count: Int) throws {
    if count > Self.maximumArguments {
      throw failure("more than \(Self.maximumArguments) arguments of one macro or call")
    }
  }

  // MARK: Statements

  /// Statements up to a block that begins with one of `ends`, whose word is passed.
  private mutating func body(
    until ends: [String], of opening: String = "", line openingLine: Int = 1
  ) throws -> (statements: [TemplateStatement], end: String) {
    var statements: [TemplateStatement] = []
    while true {
      let line = token.line
      switch token.kind {
      case .text(let text):
        position += 1
        statements.append(TemplateStatement(line: line, kind: .text(text)))
      case .outputBegin:
        position += 1
        let value = try tuple(purpose: "a value to print")
        guard token.kind == .outputEnd else {
          throw failure("found \(token.description), expected the end }} of the output")
        }
        position += 1
        statements.append(TemplateStatement(line: line, kind: .output(value)))
      case .blockBegin:
        position += 1
        let word = try expectName("a statement (\(Self.statements.joined(separator: ", ")))")
        if ends.contains(word) { return (statements, word) }
        let kind = try nested { try $0.statement(word, line: line) }
        statements.append(TemplateStatement(line: line, kind: kind))
      default:
        if ends.isEmpty { return (statements, "") }
        throw failure(
          "the template ends inside \"\(opening)\" of line \(openingLine); expected "
            + ends.map { "{% \($0) %}" }.joined(separator: " or "))
      }
    }
  }

  private mutating func block(_ word: String, line: Int) throws -> [TemplateStatement] {
    try expectBlockEnd(word)
    let body = try body(until: ["end" + word], of: word, line: line).statements
    try expectBlockEnd("end" + word)
    return body
  }

  private mutating func statement(_ word: String, line: Int) throws -> TemplateStatement.Kind {
    switch word {
    case "if": return try conditional(line: line)
    case "for": return try loop(line: line)
    case "set": return try assignment(line: line)
    case "macro": return try macro(line: line)
    case "with": return try scope(line: line)
    case "filter":
      var filters = [try filterUse()]
      while skip("|") { filters.append(try filterUse()) }
      return .filtered(filters, try block("filter", line: line))
    case "generation": return .generation(try block("generation", line: line))
    case "break", "continue":
      if loops == 0 { throw failure("\"\(word)\" stands outside of a loop", line: line) }
      try expectBlockEnd(word)
      return word == "break" ? .breakLoop : .continueLoop
    case "elif", "else", "endif", "endfor", "endset", "endmacro", "endwith", "endfilter",
      "endgeneration", "endraw":
      throw failure("found \"\(word)\" without the statement that it belongs to", line: line)
    default:
      throw failure(
        TemplateFailure.unknown("statement", word, known: Self.statements).message, line: line)
    }
  }

  private mutating func conditional(line: Int) throws -> TemplateStatement.Kind {
    var branches: [(condition: TemplateExpression, body: [TemplateStatement])] = []
    var word = "if"
    while true {
      let condition = try tuple(allowsConditional: false, purpose: "a condition")
      try expectBlockEnd(word)
      let (body, end) = try body(until: ["elif", "else", "endif"], of: "if", line: line)
      branches.append((condition, body))
      if end == "elif" {
        word = end
        continue
      }
      var otherwise: [TemplateStatement] = []
      if end == "else" {
        try expectBlockEnd("else")
        otherwise = try self.body(until: ["endif"], of: "if", line: line).statements
      }
      try expectBlockEnd("endif")
      return .conditional(branches, otherwise: otherwise)
    }
  }

  private mutating func loop(line: Int) throws -> TemplateStatement.Kind {
    let target = try targets(purpose: "the name of the loop variable")
    if !skipWord("in") {
      throw failure("found \(token.description), expected \"in\" after the loop variable")
    }
    let source = try tuple(allowsConditional: false, purpose: "what to loop over")
    let condition = skipWord("if") ? try expression() : nil
    if isNextWord("recursive") {
      throw failure("recursive loops are not supported; write a macro that calls itself")
    }
    try expectBlockEnd("for")
    loops += 1
    let (body, end) = try body(until: ["else", "endfor"], of: "for", line: line)
    loops -= 1
    var otherwise: [TemplateStatement] = []
    if end == "else" {
      try expectBlockEnd("else")
      otherwise = try self.body(until: ["endfor"], of: "for", line: line).statements
    }
    try expectBlockEnd("endfor")
    return .loop(
      TemplateLoop(
        target: target, source: source, condition: condition, body: body, otherwise: otherwise))
  }

  private mutating func assignment(line: Int) throws -> TemplateStatement.Kind {
    let target = try targets(purpose: "a name to set")
    if skip("=") {
      let value = try tuple(purpose: "a value")
      try expectBlockEnd("set")
      return .assignment(target, value)
    }
    var filters: [TemplateFilterUse] = []
    while skip("|") { filters.append(try filterUse()) }
    return .blockAssignment(target, filters, try block("set", line: line))
  }

  private mutating func macro(line: Int) throws -> TemplateStatement.Kind {
    let name = try expectName("the name of the macro")
    try expect("(", "before the macro's parameters")
    var parameters: [(name: String, fallback: TemplateExpression?)] = []
    while !isNext(")") {
      if !parameters.isEmpty { try expect(",", "between parameters") }
      try checkArguments(parameters.count + 1)
      let parameter = try expectName("the name of a parameter")
      parameters.append((parameter, skip("=") ? try expression() : nil))
    }
    position += 1
    let outer = loops
    loops = 0
    let body = try block("macro", line: line)
    loops = outer
    return .macro(TemplateMacro(name: name, parameters: parameters, body: body))
  }

  private mutating func scope(line: Int) throws -> TemplateStatement.Kind {
    var values: [(target: TemplateTarget, value: TemplateExpression)] = []
    while token.kind != .blockEnd {
      if !values.isEmpty { try expect(",", "between assignments") }
      let target = try singleTarget(purpose: "a name to set")
      try expect("=", "after the name")
      values.append((target, try expression()))
    }
    return .scope(values, try block("with", line: line))
  }

  // MARK: Targets

  private mutating func targets(purpose: String) throws -> TemplateTarget {
    let first = try singleTarget(purpose: purpose)
    guard isNext(",") else { return first }
    var parts = [first]
    while skip(","), !isNextWord("in"), !isNext("=") {
      parts.append(try singleTarget(purpose: purpose))
    }
    return .tuple(parts)
  }

  private mutating func singleTarget(purpose: String) throws -> TemplateTarget {
    if skip("(") {
      let inner = try nested { try $0.targets(purpose: purpose) }
      try expect(")", "after the names")
      return inner
    }
    let name = try expectName(purpose)
    return skip(".") ? .attribute(of: name, try expectName("an attribute")) : .name(name)
  }
}
