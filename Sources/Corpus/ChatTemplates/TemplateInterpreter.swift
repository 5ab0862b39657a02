import Documents

/// Runs the statements of one template once.
///
/// A template comes with a model, hence from strangers: the text it makes, the statements it runs,
/// the depth of its calls and all its work are bounded.
final class TemplateInterpreter {
  static let maximumSteps = 1_000_000
  static let maximumDepth = 400
  static let maximumMacroDepth = 50

  /// How a statement ended.
  enum Flow { case onward, leavesLoop, nextTurn }

  /// What `generation` marked, in bytes of the text; nil where it marked something whose place in the
  /// text is not known, because it was kept before it was printed.
  private(set) var generatedSpans: [Range<Int>]? = []
  /// Texts that are being kept instead of printed.
  private var captures = 0

  /// Line of what runs now, for errors.
  private(set) var line = 1
  private var output = ""
  private var work: TemplateWork
  private var steps = 0
  private var depth = 0
  private var macroDepth = 0

  /// - Parameter input: what the template is given, for which it may work.
  init(input: JSONValue) { work = TemplateWork(input: input.templateWeight) }

  func render(
    _ statements: [TemplateStatement], with variables: [(String, TemplateValue)]
  ) throws -> String {
    let scope = TemplateScope(parent: nil)
    for (name, value) in variables { scope[name] = value }
    let (text, _) = try captured(statements, in: scope)
    return text
  }

  private func captured(
    _ statements: [TemplateStatement], in scope: TemplateScope
  ) throws -> (text: String, flow: Flow) {
    let outer = output
    output = ""
    captures += 1
    defer {
      output = outer
      captures -= 1
    }
    let flow = try run(statements, in: scope)
    return (output, flow)
  }

  private func print(_ text: String) throws {
    output += text
    try work.print(text.utf8.count)
  }

  // MARK: Statements

  private func run(_ statements: [TemplateStatement], in scope: TemplateScope) throws -> Flow {
    depth += 1
    defer { depth -= 1 }
    try requireDepth()
    for statement in statements {
      steps += 1
      if steps > Self.maximumSteps {
        throw TemplateFailure("the template runs more than \(Self.maximumSteps) statements")
      }
      line = statement.line
      try spend(TemplateWork.statement)
      let flow = try run(statement, in: scope)
      if flow != .onward { return flow }
    }
    return .onward
  }

  private func run(_ statement: TemplateStatement, in scope: TemplateScope) throws -> Flow {
    switch statement.kind {
    case .text(let text): try print(text)
    case .output(let expression): try print(spelled(evaluate(expression, in: scope)))
    case .conditional(let branches, let otherwise):
      for branch in branches where try evaluate(branch.condition, in: scope).isTrue {
        return try run(branch.body, in: scope)
      }
      return try run(otherwise, in: scope)
    case .loop(let loop): try run(loop, in: scope)
    case .assignment(let target, let expression):
      try assign(try evaluate(expression, in: scope), to: target, in: scope)
    case .blockAssignment(let target, let filters, let body):
      let text = try captured(body, in: TemplateScope(parent: scope)).text
      try assign(try filtered(.string(text), filters, in: scope), to: target, in: scope)
    case .macro(let macro): scope[macro.name] = .macro(macro, scope)
    case .scope(let values, let body):
      let inner = TemplateScope(parent: scope)
      // Values see the names outside, not those set beside them.
      let evaluated = try values.map { try evaluate($0.value, in: scope) }
      for (assignment, value) in zip(values, evaluated) {
        try assign(value, to: assignment.target, in: inner)
      }
      return try run(body, in: inner)
    case .filtered(let filters, let body):
      let (text, flow) = try captured(body, in: TemplateScope(parent: scope))
      try print(spelled(filtered(.string(text), filters, in: scope)))
      return flow
    case .generation(let body):
      let start = output.utf8.count
      let flow = try run(body, in: TemplateScope(parent: scope))
      if captures > 1 {
        generatedSpans = nil
      } else {
        generatedSpans?.append(start..<output.utf8.count)
      }
      return flow
    case .breakLoop: return .leavesLoop
    case .continueLoop: return .nextTurn
    }
    return .onward
  }

  private func run(_ loop: TemplateLoop, in scope: TemplateScope) throws {
    var elements = try elements(of: evaluate(loop.source, in: scope))
    if let condition = loop.condition {
      elements = try elements.filter { element in
        try spend(TemplateWork.turn)
        let inner = TemplateScope(parent: scope)
        try assign(element, to: loop.target, in: inner)
        return try evaluate(condition, in: inner).isTrue
      }
    }
    if elements.isEmpty { _ = try run(loop.otherwise, in: TemplateScope(parent: scope)) }
    for (index, element) in elements.enumerated() {
      try spend(TemplateWork.turn)
      let inner = TemplateScope(parent: scope)
      try assign(element, to: loop.target, in: inner)
      inner["loop"] = loopValue(elements, index)
      if try run(loop.body, in: inner) == .leavesLoop { break }
    }
  }

  private func loopValue(_ elements: [TemplateValue], _ index: Int) -> TemplateValue {
    let count = elements.count
    var fields = TemplateFields([
      ("index", .integer(index + 1)), ("index0", .integer(index)),
      ("revindex", .integer(count - index)), ("revindex0", .integer(count - index - 1)),
      ("first", .boolean(index == 0)), ("last", .boolean(index == count - 1)),
      ("length", .integer(count)),
    ])
    fields["previtem"] =
      index > 0 ? elements[index - 1] : .undefined(hint: "the first turn has no previtem")
    fields["nextitem"] =
      index + 1 < count
      ? elements[index + 1] : .undefined(hint: "the last turn has no nextitem")
    return .dictionary(fields)
  }

  private func assign(
    _ value: TemplateValue, to target: TemplateTarget, in scope: TemplateScope
  ) throws {
    switch target {
    case .name(let name): scope[name] = value
    case .attribute(let name, let attribute):
      guard case .namespace(let namespace) = scope[name] else {
        throw TemplateFailure(
          "cannot set \(name).\(attribute): only the members of a namespace can be set")
      }
      if case .macro = value { throw TemplateFailure("a macro cannot be kept in a namespace") }
      // A namespace that is kept in another one's member lengthens a chain.
      if value.elements != nil || value.isContainer { try spend(value.weight()) }
      namespace.fields[attribute] = value
    case .tuple(let parts):
      let elements = try elements(of: value)
      if elements.count != parts.count {
        throw TemplateFailure("cannot give \(elements.count) values to \(parts.count) names")
      }
      for (part, element) in zip(parts, elements) { try assign(element, to: part, in: scope) }
    }
  }

  // MARK: Calls

  func filtered(
    _ value: TemplateValue, _ filters: [TemplateFilterUse], in scope: TemplateScope
  ) throws -> TemplateValue {
    try filters.reduce(value) { value, use in
      let call = try call(use.name, use.arguments, in: scope)
      line = use.line
      return try filtered(value, call)
    }
  }

  /// What a filter makes of a value, paid for.
  func filtered(_ value: TemplateValue, _ call: TemplateCall) throws -> TemplateValue {
    // Asked of a list at every turn, these only look at its ends.
    let isQuick = ["length", "count", "first", "last", "default", "d"].contains(call.name)
    if !isQuick || value.elements == nil { try spend(value.readingCost) }
    if TemplateFilters.spelling.contains(call.name) { try spend(value.spellingCost()) }
    for argument in call.positional { try spend(argument.readingCost) }
    for argument in call.named { try spend(argument.value.readingCost) }
    return try weighed(TemplateFilters.known[call.name]!(value, call, self))
  }

  func call(
    _ name: String, _ arguments: TemplateArguments, in scope: TemplateScope
  ) throws -> TemplateCall {
    TemplateCall(
      name: name, positional: try arguments.positional.map { try evaluate($0, in: scope) },
      named: try arguments.named.map { ($0.name, try evaluate($0.value, in: scope)) })
  }

  func call(
    _ macro: TemplateMacro, definedIn outer: TemplateScope, _ call: TemplateCall
  ) throws -> TemplateValue {
    let bound = try call.bound(to: macro.parameters.map(\.name))
    macroDepth += 1
    defer { macroDepth -= 1 }
    if macroDepth > Self.maximumMacroDepth {
      throw TemplateFailure("macros call each other more than \(Self.maximumMacroDepth) deep")
    }
    let inner = TemplateScope(parent: outer)
    for (parameter, value) in zip(macro.parameters, bound) {
      inner[parameter.name] =
        try value ?? parameter.fallback.map { try evaluate($0, in: inner) }
        ?? .undefined(hint: "\"\(parameter.name)\" was not given to the macro \(macro.name)")
    }
    return .string(try captured(macro.body, in: inner).text)
  }

  /// Evaluates with the line of the expression at hand, within the bound on depth.
  func at<Result>(_ expression: TemplateExpression, _ body: () throws -> Result) throws -> Result {
    depth += 1
    defer { depth -= 1 }
    line = expression.line
    try spend(TemplateWork.step)
    try requireDepth()
    return try body()
  }

  private func requireDepth() throws {
    if depth > Self.maximumDepth {
      throw TemplateFailure(
        "blocks, calls and expressions nest deeper than \(Self.maximumDepth) levels")
    }
  }

  func returnTo(_ line: Int) { self.line = line }

  /// Pays for work.
  func spend(_ amount: Int) throws { try work.spend(amount) }

  /// What a loop runs over, paid for where it has to be made.
  private func elements(of value: TemplateValue) throws -> [TemplateValue] {
    if value.elements == nil { try spend(4 * value.readingCost) }
    return try value.iterated()
  }

  /// What an output prints, paid for.
  func spelled(_ value: TemplateValue) throws -> String {
    try spend(value.spellingCost())
    return try value.text()
  }

  /// A value that was made, paid for.
  func weighed(_ value: TemplateValue) throws -> TemplateValue {
    try spend(value.weight())
    return value
  }
}
