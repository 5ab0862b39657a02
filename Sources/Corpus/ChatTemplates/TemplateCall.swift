/// The evaluated arguments of a call, taken one parameter after the other by position or name.
struct TemplateCall {
  let name: String
  var positional: [TemplateValue] = []
  var named: [(name: String, value: TemplateValue)] = []

  /// Values of the parameters in their order, `nil` where none is given.
  func bound(to parameters: [String], required: Int = 0) throws -> [TemplateValue?] {
    var values = positional.map(Optional.init)
    if values.count > parameters.count {
      throw TemplateFailure(
        "\"\(name)\" takes at most \(parameters.count) arguments, found \(values.count)")
    }
    values += Array(repeating: nil, count: parameters.count - values.count)
    for (argument, value) in named {
      guard let index = parameters.firstIndex(of: argument) else {
        throw TemplateFailure(
          "\"\(name)\" has no parameter \"\(argument)\"; its parameters are "
            + (parameters.isEmpty ? "none" : parameters.joined(separator: ", ")))
      }
      if values[index] != nil {
        throw TemplateFailure("\"\(name)\" is given \"\(argument)\" twice")
      }
      values[index] = value
    }
    for index in 0..<required where values[index] == nil {
      throw TemplateFailure("\"\(name)\" lacks the argument \"\(parameters[index])\"")
    }
    return values
  }

  func none() throws { _ = try bound(to: []) }

  /// The call without its first positional argument.
  func dropFirst(name: String) -> TemplateCall {
    TemplateCall(name: name, positional: Array(positional.dropFirst()), named: named)
  }
}

extension TemplateValue? {
  /// Text of an argument; `none` and a missing one are `nil`.
  func text(of parameter: String) throws -> String? {
    switch self {
    case nil, .some(.none): return nil
    case .some(.string(let text)): return text
    case .some(let other):
      throw TemplateFailure("\"\(parameter)\" is \(other.kind), expected a string")
    }
  }

  func integer(of parameter: String) throws -> Int? {
    switch self {
    case nil, .some(.none): return nil
    case .some(let value):
      guard let integer = value.wholeNumber else {
        throw TemplateFailure("\"\(parameter)\" is \(value.kind), expected an integer")
      }
      return integer
    }
  }

  var isTrue: Bool { self?.isTrue ?? false }
}
