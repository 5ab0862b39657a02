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
    guard let string = try optionalString(key) else {
      throw failure(key, "is missing; expected a string")
    }
    return string
  }

  func optionalString(_ key: String) throws -> String? {
    try optional(key, "a string") { $0.stringValue }
  }

  func boolean(_ key: String, default fallback: Bool) throws -> Bool {
    try optional(key, "true or false") { $0.boolValue } ?? fallback
  }

  func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int {
    let expected = "an integer from \(range.lowerBound) to \(range.upperBound)"
    guard
      let integer = try optional(
        key, expected, { $0.intValue.flatMap { range.contains($0) ? $0 : nil } })
    else { throw failure(key, "is missing; expected \(expected)") }
    return integer
  }

  func array(_ key: String) throws -> [JSONValue] {
    guard let array = try optional(key, "an array", { $0.arrayValue }) else {
      throw failure(key, "is missing; expected an array")
    }
    return array
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
    guard let spelling = try optionalString(key) ?? fallback?.rawValue else {
      throw failure(key, "is missing; expected one of \(Self.list(Word.allCases.map(\.rawValue)))")
    }
    guard let word = Word(rawValue: spelling) else {
      throw failure(
        key,
        "found \"\(spelling)\", expected one of \(Self.list(Word.allCases.map(\.rawValue)))")
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

  private static func list(_ words: [String]) -> String {
    words.map { "\"\($0)\"" }.joined(separator: ", ")
  }

  private func optional<Value>(
    _ key: String, _ expected: String, _ decode: (JSONValue) -> Value?
  ) throws -> Value? {
    guard let value = value(key) else { return nil }
    guard let decoded = decode(value) else {
      throw failure(key, "found \(value.kindDescription), expected \(expected)")
    }
    return decoded
  }
}
