/// Expressions, in the order of precedence that Jinja gives them: conditional, or, and, not,
/// comparison, sum, `~`, product, power, sign; filters, tests and calls bind tightest.
extension TemplateParser {
  private static let comparisons: Set<String> = ["==", "!=", "<", "<=", ">", ">="]

  /// Longer chains of operators, filters or accesses make a tree too deep to walk.
  private static let longestChain = 200

  private func checkChain(_ links: Int) throws {
    if links > Self.longestChain {
      throw failure("more than \(Self.longestChain) links in one expression; split it with set")
    }
  }

  private func node(
    _ line: Int, _ kind: TemplateExpression.Kind
  ) throws -> TemplateExpression {
    let expression = TemplateExpression(line: line, kind: kind)
    if expression.height > TemplateInterpreter.maximumDepth {
      throw failure(
        "expressions nest deeper than \(TemplateInterpreter.maximumDepth) levels; split them with set"
      )
    }
    return expression
  }

  /// An expression, or several with commas between, which make a tuple.
  mutating func tuple(allowsConditional: Bool = true, purpose: String) throws
    -> TemplateExpression
  {
    switch token.kind {
    case .blockEnd, .outputEnd: throw failure("found \(token.description), expected \(purpose)")
    default: break
    }
    let line = token.line
    let first = try allowsConditional ? expression() : either()
    guard isNext(",") else { return first }
    var elements = [first]
    while skip(",") {
      switch token.kind {
      case .blockEnd, .outputEnd, .symbol(")"): return try node(line, .tuple(elements))
      default: elements.append(try allowsConditional ? expression() : either())
      }
    }
    return try node(line, .tuple(elements))
  }

  mutating func expression() throws -> TemplateExpression {
    try nested { parser in
      let line = parser.token.line
      var value = try parser.either()
      var links = 0
      while parser.skipWord("if") {
        links += 1
        try parser.checkChain(links)
        let condition = try parser.either()
        let otherwise = parser.skipWord("else") ? try parser.expression() : nil
        value = try parser.node(
          line, .conditional(value, condition: condition, otherwise: otherwise))
      }
      return value
    }
  }

  private mutating func either() throws -> TemplateExpression {
    let line = token.line
    var value = try both()
    var links = 0
    while skipWord("or") {
      links += 1
      try checkChain(links)
      value = try node(line, .either(value, try both()))
    }
    return value
  }

  private mutating func both() throws -> TemplateExpression {
    let line = token.line
    var value = try negation()
    var links = 0
    while skipWord("and") {
      links += 1
      try checkChain(links)
      value = try node(line, .both(value, try negation()))
    }
    return value
  }

  private mutating func negation() throws -> TemplateExpression {
    let line = token.line
    if skipWord("not") { return try node(line, .negation(try nested { try $0.negation() })) }
    return try comparison()
  }

  private mutating func comparison() throws -> TemplateExpression {
    let line = token.line
    let first = try sum()
    var rest: [(symbol: String, operand: TemplateExpression)] = []
    while true {
      if case .symbol(let symbol) = token.kind, Self.comparisons.contains(symbol) {
        position += 1
        rest.append((symbol, try sum()))
      } else if skipWord("in") {
        rest.append(("in", try sum()))
      } else if isNextWord("not"), tokens[position + 1].kind == .name("in") {
        position += 2
        rest.append(("not in", try sum()))
      } else {
        return try rest.isEmpty ? first : node(line, .comparison(first, rest))
      }
    }
  }

  private mutating func leftAssociative(
    _ symbols: Set<String>, _ operand: (inout TemplateParser) throws -> TemplateExpression
  ) throws -> TemplateExpression {
    let line = token.line
    var value = try operand(&self)
    var links = 0
    while case .symbol(let symbol) = token.kind, symbols.contains(symbol) {
      links += 1
      try checkChain(links)
      position += 1
      value = try node(line, .arithmetic(symbol, value, try operand(&self)))
    }
    return value
  }

  private mutating func sum() throws -> TemplateExpression {
    try leftAssociative(["+", "-"]) {
      try $0.leftAssociative(["~"]) {
        try $0.leftAssociative(["*", "/", "//", "%"]) {
          try $0.leftAssociative(["**"]) { try $0.signed(takesFilters: true) }
        }
      }
    }
  }

  private mutating func signed(takesFilters: Bool) throws -> TemplateExpression {
    let line = token.line
    var value: TemplateExpression
    if isNext("-") || isNext("+") {
      let isNegative = skip("-") || !skip("+")
      value = try node(
        line, .sign(negative: isNegative, try nested { try $0.signed(takesFilters: false) }))
    } else {
      value = try postfix(primary())
    }
    return takesFilters ? try filtersAndTests(postfix(value)) : value
  }

  private mutating func primary() throws -> TemplateExpression {
    let token = token
    position += 1
    switch token.kind {
    case .name(let name):
      switch name {
      case "true", "True": return try node(token.line, .boolean(true))
      case "false", "False": return try node(token.line, .boolean(false))
      case "none", "None": return try node(token.line, .none)
      default: return try node(token.line, .name(name))
      }
    case .string(var text):
      // Literals side by side are one string, as in Python.
      while case .string(let more) = self.token.kind {
        text += more
        position += 1
      }
      return try node(token.line, .string(text))
    case .integer(let value): return try node(token.line, .integer(value))
    case .number(let value): return try node(token.line, .number(value))
    case .symbol("("):
      if skip(")") { return try node(token.line, .tuple([])) }
      let value = try tuple(purpose: "an expression")
      try expect(")", "to close the bracket of line \(token.line)")
      return value
    case .symbol("["):
      return try node(token.line, .list(try elements(until: "]") { try $0.expression() }))
    case .symbol("{"):
      return try node(
        token.line,
        .dictionary(
          try elements(until: "}") { parser in
            let key = try parser.expression()
            try parser.expect(":", "after a key")
            return (key, try parser.expression())
          }))
    default:
      position -= 1
      throw failure("found \(token.description), expected an expression")
    }
  }

  private mutating func elements<Element>(
    until end: String, _ element: (inout TemplateParser) throws -> Element
  ) throws -> [Element] {
    var elements: [Element] = []
    while !skip(end) {
      if !elements.isEmpty {
        try expect(",", "between elements or \"\(end)\" after the last")
        if skip(end) { break }
      }
      elements.append(try element(&self))
    }
    return elements
  }

  private mutating func postfix(_ base: TemplateExpression) throws -> TemplateExpression {
    var value = base
    var links = 0
    while true {
      links += 1
      try checkChain(links)
      let line = token.line
      if skip(".") {
        if case .integer(let index) = token.kind {
          position += 1
          value = try node(line, .element(value, node(line, .integer(index))))
        } else {
          value = try node(line, .attribute(value, try expectName("an attribute after the dot")))
        }
      } else if skip("[") {
        value = try subscripted(value, line: line)
        try expect("]", "to close the bracket of line \(line)")
      } else if isNext("(") {
        value = try node(line, .call(value, try arguments()))
      } else {
        return value
      }
    }
  }

  private mutating func subscripted(_ value: TemplateExpression, line: Int) throws
    -> TemplateExpression
  {
    let lower = isNext(":") ? nil : try expression()
    guard skip(":") else { return try node(line, .element(value, lower!)) }
    let upper = isNext(":") || isNext("]") ? nil : try expression()
    let step = skip(":") && !isNext("]") ? try expression() : nil
    return try node(line, .slice(value, lower, upper, step: step))
  }

  private mutating func filtersAndTests(_ base: TemplateExpression) throws -> TemplateExpression {
    var value = base
    var links = 0
    while true {
      links += 1
      try checkChain(links)
      let line = token.line
      if skip("|") {
        value = try node(line, .filter(value, try filterUse()))
      } else if skipWord("is") {
        let isNegated = skipWord("not")
        let test = try test(value, line: line)
        value = try isNegated ? node(line, .negation(test)) : test
      } else if isNext("(") {
        value = try node(line, .call(value, try arguments()))
      } else {
        return value
      }
    }
  }

  mutating func filterUse() throws -> TemplateFilterUse {
    let line = token.line
    let name = try expectName("the name of a filter")
    guard TemplateFilters.known.keys.contains(name) else {
      throw failure(
        TemplateFailure.unknown("filter", name, known: Array(TemplateFilters.known.keys)).message,
        line: line)
    }
    let arguments = isNext("(") ? try arguments() : TemplateArguments()
    return TemplateFilterUse(line: line, name: name, arguments: arguments)
  }

  private mutating func test(_ value: TemplateExpression, line: Int) throws -> TemplateExpression {
    let name = try expectName("the name of a test")
    guard TemplateTests.known.contains(name) else {
      throw failure(
        TemplateFailure.unknown("test", name, known: TemplateTests.known).message, line: line)
    }
    switch token.kind {
    case .symbol("("): return try node(line, .test(value, name, try arguments()))
    case .name(let word) where !["else", "or", "and", "is", "if", "not", "in"].contains(word):
      break
    case .string, .integer, .number, .symbol("["), .symbol("{"): break
    default: return try node(line, .test(value, name, TemplateArguments()))
    }
    let operand = try postfix(primary())
    return try node(line, .test(value, name, TemplateArguments(positional: [operand])))
  }

  private mutating func arguments() throws -> TemplateArguments {
    try expect("(", "before arguments")
    var arguments = TemplateArguments()
    _ = try elements(until: ")") { parser in
      if parser.isNext("*") || parser.isNext("**") {
        throw parser.failure("unpacking arguments with * is not supported; name each argument")
      }
      if case .name(let name) = parser.token.kind,
        parser.tokens[parser.position + 1].kind == .symbol("=")
      {
        parser.position += 2
        arguments.named.append((name, try parser.expression()))
      } else if let named = arguments.named.first {
        throw parser.failure("a positional argument follows the named argument \"\(named.name)\"")
      } else {
        arguments.positional.append(try parser.expression())
      }
      try parser.checkArguments(arguments.positional.count + arguments.named.count)
    }
    return arguments
  }
}
