/// What may stand after `is`.
enum TemplateTests {
  /// Tests without an operand.
  private static let plain = [
    "defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number",
    "string", "mapping", "sequence", "iterable", "callable", "odd", "even", "lower", "upper",
  ]
  /// Tests that compare with an operand, and the operator each stands for.
  private static let comparisons = [
    "eq": "==", "equalto": "==", "sameas": "==", "ne": "!=", "lt": "<", "lessthan": "<",
    "le": "<=", "gt": ">", "greaterthan": ">", "ge": ">=", "in": "in",
  ]
  static let known = plain + comparisons.keys.sorted() + ["divisibleby"]

  static func holds(
    _ name: String, _ value: TemplateValue, _ operands: [TemplateValue]
  ) throws -> Bool {
    let expected = plain.contains(name) ? 0 : 1
    if operands.count != expected {
      throw TemplateFailure(
        "the test \"\(name)\" takes \(expected) operands, found \(operands.count)")
    }
    if let symbol = comparisons[name] { return try value.compare(symbol, operands[0]) }
    switch (name, value) {
    case ("defined", _): return !value.isUndefined
    case ("undefined", _): return value.isUndefined
    case ("none", .none), ("boolean", .boolean), ("true", .boolean(true)),
      ("false", .boolean(false)), ("integer", .integer), ("float", .number), ("number", .integer),
      ("number", .number), ("number", .boolean), ("string", .string), ("mapping", .dictionary):
      return true
    case ("sequence", .list), ("sequence", .tuple), ("sequence", .string),
      ("sequence", .dictionary), ("sequence", .undefined), ("iterable", .list),
      ("iterable", .tuple), ("iterable", .string), ("iterable", .dictionary),
      ("iterable", .undefined):
      return true
    case ("callable", .macro), ("callable", .function), ("callable", .method): return true
    case ("odd", _), ("even", _), ("divisibleby", _):
      guard let number = value.wholeNumber else {
        throw TemplateFailure("the test \"\(name)\" takes an integer, found \(value.kind)")
      }
      if name != "divisibleby" { return (number % 2 == 0) == (name == "even") }
      guard let divisor = operands[0].wholeNumber, divisor != 0 else {
        throw TemplateFailure("divisibleby takes an integer other than 0")
      }
      return divisor == -1 || number % divisor == 0
    case ("lower", _), ("upper", _):
      let text = try value.text()
      let letters = text.unicodeScalars.filter { $0.properties.isCased }
      return !letters.isEmpty && text == (name == "lower" ? text.lowercased() : text.uppercased())
    default: return false
    }
  }
}
