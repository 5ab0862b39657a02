import Documents

/// Why a tokenizer's description cannot be used: which file, which member, what was found, what
/// was expected.
public struct TokenizerError: ExitCoded, Equatable, CustomStringConvertible {
  /// The file as the user named it.
  public let location: String
  /// JSON path or metadata key of the offending member.
  public let path: String
  /// What was found and what was expected.
  public let reason: String

  public var description: String { "\(location): \(path): \(reason)" }
  public var exitCode: ExitCode { .badData }
}

/// One object of a tokenizer's description, read member by member.
struct TokenizerComponent {
  let object: JSONObject
  let path: String
  let location: String

  init(_ value: JSONValue, path: String, location: String) throws {
    guard let object = value.objectValue else {
      throw TokenizerError(
        location: location, path: path,
        reason: "found \(value.kindDescription), expected an object")
    }
    self.object = object
    self.path = path
    self.location = location
  }

  func failure(_ reason: String) -> TokenizerError {
    TokenizerError(location: location, path: path, reason: reason)
  }

  func failure(_ key: String, _ reason: String) -> TokenizerError {
    TokenizerError(location: location, path: "\(path).\(key)", reason: reason)
  }

  /// The member, unless it is missing or null.
  func value(_ key: String) -> JSONValue? {
    guard let value = object[key], !value.isNull else { return Optional.none }
    return value
  }

  func string(_ key: String) throws -> String {
    try required(key, .string)
  }

  func optionalString(_ key: String) throws -> String? {
    try optional(key, .string)
  }

  func boolean(_ key: String, default fallback: Bool) throws -> Bool {
    try optional(key, .boolean) ?? fallback
  }

  func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int {
    try required(key, .integer(in: range))
  }

  func array(_ key: String) throws -> [JSONValue] {
    try required(key, .array)
  }

  func components(_ key: String) throws -> [TokenizerComponent] {
    try array(key).enumerated().map { index, value in
      try TokenizerComponent(value, path: "\(path).\(key)[\(index)]", location: location)
    }
  }

  func component(_ key: String) throws -> TokenizerComponent? {
    try value(key).map { try TokenizerComponent($0, path: "\(path).\(key)", location: location) }
  }

  /// The one scalar that a member must consist of.
  func scalar(_ key: String) throws -> Unicode.Scalar {
    let scalars = try string(key).unicodeScalars
    guard let scalar = scalars.first, scalars.count == 1 else {
      throw failure(key, "found \(scalars.count) characters, expected exactly one")
    }
    return scalar
  }

  /// A word out of a list, as an enumeration.
  func word<Word: RawRepresentable<String> & CaseIterable>(_ key: String, default fallback: Word?)
    throws -> Word
  {
    let expected = JSONKind.word(of: Word.allCases.map(\.rawValue)).expected
    guard let spelling = try optionalString(key) ?? fallback?.rawValue else {
      throw failure(key, "is missing; expected \(expected)")
    }
    guard let word = Word(rawValue: spelling) else {
      throw failure(key, "found \"\(spelling)\", expected \(expected)")
    }
    return word
  }

  /// What is thrown for a component whose type is not known here.
  func unsupported(_ kind: String, _ type: String, supported: [String]) -> TokenizerError {
    failure(
      "type",
      "the \(kind) \"\(type)\" is not supported; supported are \(supported.joined(separator: ", "))"
    )
  }

  private func optional<Value>(_ key: String, _ kind: JSONKind<Value>) throws -> Value? {
    switch object.member(key, kind) {
    case .value(let value): return value
    case .missing: return nil
    case .mistaken(let found):
      throw failure(key, "found \(found.kindDescription), expected \(kind.expected)")
    }
  }

  private func required<Value>(_ key: String, _ kind: JSONKind<Value>) throws -> Value {
    guard let value = try optional(key, kind) else {
      throw failure(key, "is missing; expected \(kind.expected)")
    }
    return value
  }
}
