import Documents

extension TemplateInterpreter {
  static let functions = ["range", "namespace", "dict", "raise_exception"]
  /// As in Jinja's sandbox.
  private static let longestRange = 100_000

  func evaluate(_ expression: TemplateExpression, in scope: TemplateScope) throws -> TemplateValue {
    try at(expression) {
      try evaluate(expression.kind, line: expression.line, in: scope)
    }
  }

  private func evaluate(
    _ kind: TemplateExpression.Kind, line: Int, in scope: TemplateScope
  ) throws -> TemplateValue {
    func value(_ expression: TemplateExpression) throws -> TemplateValue {
      let result = try evaluate(expression, in: scope)
      returnTo(line)
      return result
    }
    switch kind {
    case .none: return .none
    case .boolean(let value): return .boolean(value)
    case .integer(let value): return .integer(value)
    case .number(let value): return .number(value)
    case .string(let text): return .string(text)
    case .name(let name):
      if let found = scope[name] { return found }
      if Self.functions.contains(name) { return .function(name) }
      return .undefined(hint: "\"\(name)\" is not defined")
    case .list(let elements): return try weighed(.list(elements.map(value)))
    case .tuple(let elements): return try weighed(.tuple(elements.map(value)))
    case .dictionary(let members): return try weighed(.dictionary(fields(members, value)))
    case .attribute(let base, let name): return try value(base).attribute(name)
    case .element(let base, let key):
      let whole = try value(base)
      let key = try value(key)
      // A text's characters are counted from its ends; a list's places are known.
      if whole.elements == nil { try spend(whole.readingCost) }
      try spend(key.readingCost + key.spellingCost())
      return try whole.element(key)
    case .slice(let base, let lower, let upper, let step):
      let whole = try value(base)
      try spend(whole.readingCost)
      return try weighed(
        whole.slice(
          lower.map(value).integer(of: "the start of a slice"),
          upper.map(value).integer(of: "the end of a slice"),
          step: step.map(value).integer(of: "the step of a slice") ?? 1))
    case .call(let callee, let arguments):
      return try call(callee, value(callee), arguments, line: line, in: scope)
    case .filter(let base, let use): return try filtered(value(base), [use], in: scope)
    case .test(let base, let name, let arguments):
      let tested = try value(base)
      let operands = try call(name, arguments, in: scope)
      returnTo(line)
      if let extra = operands.named.first {
        throw TemplateFailure("the test \"\(name)\" has no parameter \"\(extra.name)\"")
      }
      try spend(tested.readingCost)
      for operand in operands.positional {
        try spend(operand.comparisonCost() + operand.readingCost / 3 + tested.comparisonCost())
      }
      return .boolean(try TemplateTests.holds(name, tested, operands.positional))
    case .negation(let operand): return .boolean(try !value(operand).isTrue)
    case .sign(let isNegative, let operand): return try signed(value(operand), isNegative)
    case .arithmetic(let symbol, let left, let right):
      let first = try value(left)
      let second = try value(right)
      if symbol == "~" { try spend(first.spellingCost() + second.spellingCost()) }
      return try weighed(first.combine(symbol, second))
    case .both(let left, let right):
      let first = try value(left)
      return first.isTrue ? try value(right) : first
    case .either(let left, let right):
      let first = try value(left)
      return first.isTrue ? first : try value(right)
    case .comparison(let first, let rest):
      var left = try value(first)
      for (symbol, operand) in rest {
        let right = try value(operand)
        try spend(left.comparisonCost() + right.comparisonCost())
        // Looking for a text takes a table as long as it is.
        if symbol == "in" || symbol == "not in" {
          try spend((left.readingCost + right.readingCost) / 3)
        }
        if try !left.compare(symbol, right) { return .boolean(false) }
        left = right
      }
      return .boolean(true)
    case .conditional(let chosen, let condition, let otherwise):
      if try value(condition).isTrue { return try value(chosen) }
      return try otherwise.map(value)
        ?? .undefined(hint: "the condition does not hold and there is no else")
    }
  }

  private func fields(
    _ members: [(key: TemplateExpression, value: TemplateExpression)],
    _ value: (TemplateExpression) throws -> TemplateValue
  ) throws -> TemplateFields {
    TemplateFields(
      try members.map { member in
        guard case .string(let key) = try value(member.key) else {
          throw TemplateFailure("a key of a dictionary is not a string; expected a string")
        }
        return (key, try value(member.value))
      })
  }

  private func signed(_ value: TemplateValue, _ isNegative: Bool) throws -> TemplateValue {
    if let integer = value.wholeNumber, integer != .min {
      return .integer(isNegative ? -integer : integer)
    }
    guard let number = value.anyNumber else {
      throw TemplateFailure("the sign \(isNegative ? "-" : "+") does not take \(value.kind)")
    }
    return .number(isNegative ? -number : number)
  }

  private func call(
    _ callee: TemplateExpression, _ value: TemplateValue, _ arguments: TemplateArguments,
    line: Int, in scope: TemplateScope
  ) throws -> TemplateValue {
    let call = try call(name(of: callee, value), arguments, in: scope)
    returnTo(line)
    switch value {
    case .method(let receiver, let name):
      try spend(receiver.readingCost)
      if receiver.elements != nil { try spend(receiver.comparisonCost()) }
      for argument in call.positional { try spend(argument.readingCost) }
      return try weighed(receiver.call(name, call))
    case .macro(let macro, let outer):
      let result = try self.call(macro, definedIn: outer, call)
      returnTo(line)
      return result
    case .function(let name): return try weighed(callFunction(name, call))
    default: throw notCallable(callee, value)
    }
  }

  private func name(of callee: TemplateExpression, _ value: TemplateValue) -> String {
    switch (value, callee.kind) {
    case (.method(_, let name), _), (.function(let name), _), (_, .name(let name)): name
    default: "call"
    }
  }

  private func notCallable(
    _ callee: TemplateExpression, _ value: TemplateValue
  ) -> TemplateFailure {
    switch callee.kind {
    case .name("strftime_now"):
      return TemplateFailure(
        "strftime_now is refused: with the clock in the text the same recipe would give other"
          + " tokens every day; give the date as a variable, which most templates look for first")
    case .name(let name) where value.isUndefined:
      return .unknown("function", name, known: Self.functions)
    case .attribute(_, let name):
      return .unknown(
        "method", name,
        known: TemplateValue.stringMethods + TemplateValue.dictionaryMethods
          + TemplateValue.listMethods)
    default: return TemplateFailure("cannot call \(value.kind)")
    }
  }

  private func callFunction(_ name: String, _ call: TemplateCall) throws -> TemplateValue {
    switch name {
    case "range":
      let bound = try call.bound(to: ["start", "stop", "step"], required: 1)
      let first = try bound[0].integer(of: "start") ?? 0
      let stop = try bound[1].integer(of: "stop")
      let step = try bound[2].integer(of: "step") ?? 1
      if step == 0 { throw TemplateFailure("the step of range is 0; expected another integer") }
      let numbers = stride(from: stop == nil ? 0 : first, to: stop ?? first, by: step)
      let kept = Array(numbers.prefix(Self.longestRange + 1))
      if kept.count > Self.longestRange {
        throw TemplateFailure("range gives more than \(Self.longestRange) numbers")
      }
      return .list(kept.map { .integer($0) })
    case "raise_exception":
      let message = try spelled(call.bound(to: ["message"], required: 1)[0]!)
      throw TemplateFailure(message, kind: .raised)
    default:
      var fields = TemplateFields()
      for argument in call.positional {
        guard case .dictionary(let members) = argument, call.positional.count == 1 else {
          throw TemplateFailure("\(name) takes one dictionary or named members")
        }
        fields = members
      }
      for (key, value) in call.named { fields[key] = value }
      return name == "dict" ? .dictionary(fields) : .namespace(TemplateNamespace(fields))
    }
  }
}
