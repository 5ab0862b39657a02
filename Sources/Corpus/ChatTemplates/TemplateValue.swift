import Documents

/// A value while a template runs.
indirect enum TemplateValue {
  /// What a missing name or member gives; `hint` names it for messages.
  case undefined(hint: String)
  case none
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case list([TemplateValue])
  case tuple([TemplateValue])
  case dictionary(TemplateFields)
  case namespace(TemplateNamespace)
  case macro(TemplateMacro, TemplateScope)
  case function(String)
  case method(TemplateValue, String)
}

/// The members of a dictionary in the order they were given.
struct TemplateFields {
  private(set) var keys: [String] = []
  private var values: [String: TemplateValue] = [:]

  init(_ members: [(String, TemplateValue)] = []) {
    for (key, value) in members { self[key] = value }
  }

  subscript(key: String) -> TemplateValue? {
    get { values[key] }
    set {
      if values.updateValue(newValue ?? .none, forKey: key) == nil { keys.append(key) }
    }
  }

  var members: [(key: String, value: TemplateValue)] { keys.map { ($0, values[$0]!) } }
}

/// What `namespace()` makes: the one value whose members `set` changes, also inside a loop.
final class TemplateNamespace {
  var fields: TemplateFields
  init(_ fields: TemplateFields) { self.fields = fields }
}

/// Names of a template, a loop's turn or a macro's call; what is set inside stays inside.
final class TemplateScope {
  private var values: [String: TemplateValue] = [:]
  private let parent: TemplateScope?

  init(parent: TemplateScope?) { self.parent = parent }

  subscript(name: String) -> TemplateValue? {
    get { values[name] ?? parent?[name] }
    set { values[name] = newValue }
  }
}

extension TemplateValue {
  init(_ json: JSONValue) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .boolean(value)
    case .integer(let value): self = .integer(value)
    case .number(let value): self = .number(value)
    case .string(let value): self = .string(value)
    case .array(let elements): self = .list(elements.map { TemplateValue($0) })
    case .object(let object):
      self = .dictionary(TemplateFields(object.members.map { ($0.key, TemplateValue($0.value)) }))
    }
  }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .boolean(let value): value
    case .integer(let value): value != 0
    case .number(let value): value != 0
    case .string(let value): !value.isEmpty
    case .list(let elements), .tuple(let elements): !elements.isEmpty
    case .dictionary(let fields): !fields.keys.isEmpty
    case .namespace, .macro, .function, .method: true
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }

  /// What a message calls this value.
  var kind: String {
    switch self {
    case .undefined(let hint): "undefined (\(hint))"
    case .none: "none"
    case .boolean: "a boolean"
    case .integer: "an integer"
    case .number: "a float"
    case .string: "a string"
    case .list: "a list"
    case .tuple: "a tuple"
    case .dictionary: "a dictionary"
    case .namespace: "a namespace"
    case .macro(let macro, _): "the macro \(macro.name)"
    case .function(let name): "the function \(name)"
    case .method(_, let name): "the method \(name)"
    }
  }

  /// A whole number; booleans count as 0 and 1, as in Python.
  var wholeNumber: Int? {
    switch self {
    case .integer(let value): value
    case .boolean(let value): value ? 1 : 0
    default: nil
    }
  }

  var anyNumber: Double? {
    if case .number(let value) = self { value } else { wholeNumber.map(Double.init) }
  }

  var elements: [TemplateValue]? {
    switch self {
    case .list(let elements), .tuple(let elements): elements
    default: nil
    }
  }

  /// Whether the value has members that can be set or looked up.
  var isContainer: Bool {
    switch self {
    case .dictionary, .namespace, .method: true
    default: false
    }
  }

  /// What a loop runs over.
  func iterated() throws -> [TemplateValue] {
    switch self {
    case .undefined: []
    case .list(let elements), .tuple(let elements): elements
    case .dictionary(let fields): fields.keys.map { .string($0) }
    case .string(let text):
      try text.requireFewScalars().map { .string(String($0)) }
    default:
      throw TemplateFailure("cannot loop over \(kind); expected a list, string or dictionary")
    }
  }

  func length() throws -> Int {
    switch self {
    case .string(let text): text.unicodeScalars.count
    case .undefined, .list, .tuple, .dictionary: try iterated().count
    default: throw TemplateFailure("\(kind) has no length")
    }
  }

  /// What `str()` gives, which is what an output prints.
  func text() throws -> String {
    switch self {
    case .undefined: ""
    case .string(let text): text
    default: try quoted()
    }
  }

  /// What `repr()` gives.
  func quoted() throws -> String {
    switch self {
    case .undefined: return "Undefined"
    case .none: return "None"
    case .boolean(let value): return value ? "True" : "False"
    case .integer(let value): return String(value)
    case .number(let value): return pythonSpelling(of: value)
    case .string(let text): return pythonQuoted(text)
    case .list(let elements):
      return "[" + (try elements.map { try $0.quoted() }).joined(separator: ", ") + "]"
    case .tuple(let elements):
      let inner = (try elements.map { try $0.quoted() }).joined(separator: ", ")
      return elements.count == 1 ? "(\(inner),)" : "(\(inner))"
    case .dictionary(let fields):
      let members = try fields.members.map { "\(pythonQuoted($0.key)): \(try $0.value.quoted())" }
      return "{" + members.joined(separator: ", ") + "}"
    case .namespace, .macro, .function, .method: throw TemplateFailure("cannot print \(kind)")
    }
  }
}

extension String {
  /// What to take apart into characters.
  fileprivate func requireFewScalars() throws -> String.UnicodeScalarView {
    if utf8.count > TemplateValue.maximumElements {
      try TemplateValue.requireElements(unicodeScalars.count)
    }
    return unicodeScalars
  }
}
