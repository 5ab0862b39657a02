import Documents

/// Text and `{{ expressions }}` over the fields of one row of data, such as
/// `Question: {{question}}\nAnswer:`. The expressions are those of chat templates, hence Jinja's.
///
/// Stricter than a chat template: what is not there is an error wherever it is used, unless the
/// template asks `is defined` or gives a `default`. Text that lacks a field would be scored as if it
/// were the text. Line ends at the end of the template stay.
public struct RowTemplate: Sendable {
  /// The template as it was written.
  public let source: String
  /// Where the template comes from, for messages.
  public let location: String
  private let statements: [TemplateStatement]

  /// - Throws: `ChatTemplateError` for what is no template, and for `{% statements %}`.
  public init(_ source: String, location: String) throws {
    self.source = source
    self.location = location
    // The parser drops one line end from the end of a template.
    statements = try TemplateParser.parse(source + "\n", location: location)
    for statement in statements {
      switch statement.kind {
      case .text, .output: continue
      default:
        throw ChatTemplateError(
          kind: .syntax, location: location, line: statement.line,
          message: "only {{ expressions }} may stand here, no {% statements %}; "
            + "{{ a if condition else b }} chooses")
      }
    }
  }

  /// The template of the empty text.
  public static let empty = RowTemplate()

  private init() { (source, location, statements) = ("", "", []) }

  /// The text for a row.
  ///
  /// - Throws: `ChatTemplateError`, which names the fields of the row when one is missing.
  public func text(of row: JSONObject) throws -> String {
    try evaluated(row) { try $0.text() }.joined()
  }

  /// The value for a row: of the expression that is the whole template, else the text.
  ///
  /// - Throws: `ChatTemplateError`, as `text(of:)`.
  public func value(of row: JSONObject) throws -> JSONValue {
    guard statements.count == 1, case .output = statements[0].kind else {
      return .string(try text(of: row))
    }
    return try evaluated(row) { try $0.document() }[0]
  }

  private func evaluated<Result>(
    _ row: JSONObject, _ convert: (TemplateValue) throws -> Result
  ) throws -> [Result] {
    let scope = TemplateScope(parent: nil)
    for (name, value) in row.members { scope[name] = TemplateValue(value) }
    let interpreter = TemplateInterpreter(input: .object(row))
    do {
      return try statements.map { statement in
        guard case .output(let expression) = statement.kind else {
          guard case .text(let text) = statement.kind else { preconditionFailure("a statement") }
          return try convert(.string(text))
        }
        let reader = StrictReader(row: row, scope: scope, interpreter: interpreter)
        try reader.check(expression)
        let value = try interpreter.evaluate(expression, in: scope)
        try interpreter.spend(value.spellingCost())
        return try convert(value)
      }
    } catch let failure as TemplateFailure {
      throw ChatTemplateError(
        kind: .evaluation, location: location, line: interpreter.line, message: failure.message)
    }
  }
}

/// Finds what an expression reads and the row does not have, in the order of evaluation.
private struct StrictReader {
  let row: JSONObject
  let scope: TemplateScope
  let interpreter: TemplateInterpreter

  func check(_ expression: TemplateExpression) throws {
    switch expression.kind {
    case .none, .boolean, .integer, .number, .string: return
    case .name(let name):
      if scope[name] == nil, !TemplateInterpreter.functions.contains(name) {
        throw TemplateFailure(
          "the row has no field \"\(name)\"; its fields are \(row.keys.joined(separator: ", "))")
      }
    case .list(let elements), .tuple(let elements): try check(elements)
    case .dictionary(let members): try check(members.map(\.value))
    case .attribute(let base, _):
      try check(base)
      try demand(expression)
    case .element(let base, let key):
      try check(base)
      try check(key)
      try demand(expression)
    case .slice(let base, let lower, let upper, let step):
      try check(base)
      try check([lower, upper, step].compactMap { $0 })
    case .call(let callee, let arguments):
      try check(callee)
      try check(arguments)
    case .filter(let base, let use):
      if use.name != "default", use.name != "d" { try check(base) }
      try check(use.arguments)
    case .test(let base, let name, let arguments):
      if name != "defined", name != "undefined" { try check(base) }
      try check(arguments)
    case .negation(let operand), .sign(_, let operand): try check(operand)
    case .arithmetic(_, let left, let right):
      try check(left)
      try check(right)
    case .both(let left, let right):
      try check(left)
      if try value(left).isTrue { try check(right) }
    case .either(let left, let right):
      try check(left)
      if try !value(left).isTrue { try check(right) }
    case .comparison(let first, let rest):
      try check(first)
      try check(rest.map(\.operand))
    case .conditional(let chosen, let condition, let otherwise):
      try check(condition)
      if try value(condition).isTrue {
        try check(chosen)
      } else if let otherwise {
        try check(otherwise)
      } else {
        try demand(expression)
      }
    }
  }

  private func check(_ expressions: [TemplateExpression]) throws {
    for expression in expressions { try check(expression) }
  }

  private func check(_ arguments: TemplateArguments) throws {
    try check(arguments.positional)
    try check(arguments.named.map(\.value))
  }

  private func value(_ expression: TemplateExpression) throws -> TemplateValue {
    try interpreter.evaluate(expression, in: scope)
  }

  private func demand(_ expression: TemplateExpression) throws {
    if case .undefined(let hint) = try value(expression) { throw TemplateFailure(hint) }
  }
}

extension TemplateValue {
  fileprivate func document() throws -> JSONValue {
    switch self {
    case .none: .null
    case .boolean(let value): .bool(value)
    case .integer(let value): .integer(value)
    case .number(let value): .number(value)
    case .string(let value): .string(value)
    case .list(let elements), .tuple(let elements):
      .array(try elements.map { try $0.document() })
    case .dictionary(let fields):
      .object(JSONObject(try fields.members.map { ($0.key, try $0.value.document()) }))
    case .undefined(let hint): throw TemplateFailure(hint)
    case .namespace, .macro, .function, .method:
      throw TemplateFailure("the template gives \(kind); expected text, a number or a list")
    }
  }
}
