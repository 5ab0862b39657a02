import Foundation

/// Operators with Python's meaning: whole-number division rounds down, comparison of strings is
/// by code point, booleans are numbers.
extension TemplateValue {
  func equals(_ other: TemplateValue) -> Bool {
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let left), .string(let right)): return left.utf8.elementsEqual(right.utf8)
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      return left.count == right.count && zip(left, right).allSatisfy { $0.equals($1) }
    case (.dictionary(let left), .dictionary(let right)):
      return left.keys.count == right.keys.count
        && left.members.allSatisfy { right[$0.key]?.equals($0.value) ?? false }
    case (.namespace(let left), .namespace(let right)): return left === right
    default:
      if let left = wholeNumber, let right = other.wholeNumber { return left == right }
      guard let left = anyNumber, let right = other.anyNumber else { return false }
      return left == right
    }
  }

  func isLess(than other: TemplateValue) throws -> Bool {
    if let left = wholeNumber, let right = other.wholeNumber { return left < right }
    if let left = anyNumber, let right = other.anyNumber { return left < right }
    switch (self, other) {
    case (.string(let left), .string(let right)):
      // UTF-8 keeps the order of code points.
      return left.utf8.lexicographicallyPrecedes(right.utf8)
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      for (left, right) in zip(left, right) where !left.equals(right) {
        return try left.isLess(than: right)
      }
      return left.count < right.count
    default: throw TemplateFailure("cannot order \(kind) and \(other.kind)")
    }
  }

  func contains(_ needle: TemplateValue) throws -> Bool {
    switch self {
    case .string(let text):
      guard case .string(let part) = needle else {
        throw TemplateFailure("cannot look for \(needle.kind) in a string; expected a string")
      }
      if part.utf8.count > text.utf8.count { return false }
      return TextSearch(part).next(in: Array(text.utf8)) != nil
    case .dictionary(let fields):
      if case .string(let key) = needle { return fields[key] != nil }
      return false
    case .undefined, .list, .tuple: return try iterated().contains { $0.equals(needle) }
    default:
      throw TemplateFailure("cannot look into \(kind); expected a list, string or dictionary")
    }
  }

  func compare(_ symbol: String, _ other: TemplateValue) throws -> Bool {
    switch symbol {
    case "==": equals(other)
    case "!=": !equals(other)
    case "<": try isLess(than: other)
    case ">": try other.isLess(than: self)
    case "<=": try isLess(than: other) || equals(other)
    case ">=": try other.isLess(than: self) || equals(other)
    case "in": try other.contains(self)
    default: try !other.contains(self)
    }
  }

  func combine(_ symbol: String, _ other: TemplateValue) throws -> TemplateValue {
    if symbol == "~" { return .string(try text() + other.text()) }
    if let left = wholeNumber, let right = other.wholeNumber {
      return try Self.combine(left, symbol, right)
    }
    if let left = anyNumber, let right = other.anyNumber {
      return .number(try Self.combine(left, symbol, right))
    }
    switch (symbol, self, other) {
    case ("+", .string(let left), .string(let right)): return .string(left + right)
    case ("+", .list(let left), .list(let right)): return .list(left + right)
    case ("+", .tuple(let left), .tuple(let right)): return .tuple(left + right)
    case ("*", .string(let text), _):
      if let count = other.wholeNumber {
        if text.isEmpty { return self }
        try Self.requireLength(text.utf8.count, times: count)
        return .string(repeated(text, count))
      }
    case ("*", .list(let elements), _):
      if let count = other.wholeNumber {
        if elements.isEmpty { return self }
        try Self.requireLength(elements.count * Self.nodeWeight, times: count)
        return .list((0..<max(0, count)).flatMap { _ in elements })
      }
    case ("*", .integer, .string), ("*", .integer, .list): return try other.combine("*", self)
    default: break
    }
    throw TemplateFailure(
      "the operator \(symbol) does not take \(kind) and \(other.kind)"
        + (symbol == "+" ? "; use ~ to join as text" : ""))
  }

  private static func combine(_ left: Int, _ symbol: String, _ right: Int) throws -> TemplateValue {
    if ["/", "//", "%"].contains(symbol), right == 0 { throw TemplateFailure("division by zero") }
    let (value, overflow): (Int, Bool)
    switch symbol {
    case "+": (value, overflow) = left.addingReportingOverflow(right)
    case "-": (value, overflow) = left.subtractingReportingOverflow(right)
    case "*": (value, overflow) = left.multipliedReportingOverflow(by: right)
    case "/": return .number(Double(left) / Double(right))
    case "//":
      let quotient = left.dividedReportingOverflow(by: right)
      let isRoundedUp = !quotient.overflow && left % right != 0 && (left < 0) != (right < 0)
      (value, overflow) = (quotient.partialValue - (isRoundedUp ? 1 : 0), quotient.overflow)
    case "%":
      let rest = right == -1 ? 0 : left % right
      (value, overflow) = (rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest, false)
    default:
      if right < 0 { return .number(pow(Double(left), Double(right))) }
      var power = (partialValue: 1, overflow: false)
      for _ in 0..<min(right, 64) where !power.overflow {
        power = power.partialValue.multipliedReportingOverflow(by: left)
      }
      if right > 64, left.magnitude > 1 { power.overflow = true }
      if right > 64, left == -1, right % 2 == 1 { power.partialValue = -1 }
      (value, overflow) = power
    }
    if overflow { throw TemplateFailure("\(left) \(symbol) \(right) is too large") }
    return .integer(value)
  }

  private static func combine(_ left: Double, _ symbol: String, _ right: Double) throws -> Double {
    if ["/", "//", "%"].contains(symbol), right == 0 { throw TemplateFailure("division by zero") }
    switch symbol {
    case "+": return left + right
    case "-": return left - right
    case "*": return left * right
    case "/": return left / right
    case "//": return (left / right).rounded(.down)
    case "%":
      let rest = left.truncatingRemainder(dividingBy: right)
      return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest
    default: return pow(left, right)
    }
  }
}
