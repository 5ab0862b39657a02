/// A JSON document as written: members keep their order, numbers their spelling.
///
/// Foundation's decoder silently keeps one of two equal keys; a recipe or a safetensors header
/// with a repeated key is ambiguous and must be refused, hence this type and its strict parser.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

/// The members of a JSON object in the order of the document, looked up in constant time.
public struct JSONObject: Sendable, Equatable {
  /// Keys and values in the order of the document, every key once.
  public private(set) var members: [(key: String, value: JSONValue)]
  /// Of more members than are looked through; empty for few.
  private var positions: [ExactKey: Int]

  /// Most objects have few members, and a table takes more memory and time than they do.
  private static let longestList = 8

  /// Keys are equal when their bytes are. Swift's strings are also equal when they only look the
  /// same (U+00C5 and U+212B), and a vocabulary holds both as different tokens.
  private struct ExactKey: Hashable {
    let text: String

    static func == (left: ExactKey, right: ExactKey) -> Bool {
      left.text.utf8.count == right.text.utf8.count
        && left.text.utf8.elementsEqual(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
      var text = text
      text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
      hasher.combine(text.utf8.count)
    }
  }

  /// An object of the given members; of equal keys the last value counts.
  public init(_ members: [(key: String, value: JSONValue)] = []) {
    self.members = []
    self.positions = [:]
    for (key, value) in members { self[key] = value }
  }

  /// The keys in the order of the document.
  public var keys: [String] { members.map(\.key) }
  /// The number of members.
  public var count: Int { members.count }

  /// Setting an existing key replaces its value in place; setting `nil` removes the member.
  public subscript(key: String) -> JSONValue? {
    get { position(of: key).map { members[$0].value } }
    set {
      switch (position(of: key), newValue) {
      case (let position?, let value?):
        members[position].value = value
      case (nil, let value?):
        append(key, value)
      case (let position?, nil):
        members.remove(at: position)
        positions = [:]
        index()
      case (nil, nil):
        break
      }
    }
  }

  private func position(of key: String) -> Int? {
    if positions.isEmpty {
      return members.firstIndex { ExactKey(text: $0.key) == ExactKey(text: key) }
    }
    return positions[ExactKey(text: key)]
  }

  /// Adds a member, unless there is one of that key.
  mutating func insert(_ key: String, _ value: JSONValue) -> Bool {
    if positions.isEmpty {
      if position(of: key) != nil { return false }
    } else if let known = positions.updateValue(members.count, forKey: ExactKey(text: key)) {
      positions[ExactKey(text: key)] = known
      return false
    }
    members.append((key, value))
    if positions.isEmpty { index() }
    return true
  }

  /// Adds a member whose key is not there yet.
  private mutating func append(_ key: String, _ value: JSONValue) {
    members.append((key, value))
    if positions.isEmpty { index() } else { positions[ExactKey(text: key)] = members.count - 1 }
  }

  /// Makes the table when it is worth it.
  private mutating func index() {
    if members.count <= Self.longestList { return }
    positions.reserveCapacity(members.count)
    for (position, member) in members.enumerated() {
      positions[ExactKey(text: member.key)] = position
    }
  }

  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.count == right.count && left.members.allSatisfy { right[$0.key] == $0.value }
  }
}

extension JSONValue {
  /// The text; `nil` for every other kind of value.
  public var stringValue: String? { if case .string(let value) = self { value } else { nil } }
  /// The truth value; `nil` for every other kind of value.
  public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// The elements of an array; `nil` for every other kind of value.
  public var arrayValue: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
  /// The object; `nil` for every other kind of value.
  public var objectValue: JSONObject? { if case .object(let value) = self { value } else { nil } }
  /// Whether the value is `null`.
  public var isNull: Bool { self == .null }

  /// An integer, also when it was spelled with a fraction of zero (`1e3`, `2.0`).
  public var intValue: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// A number, integers included; `nil` for every other kind of value.
  public var doubleValue: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The member of an object; `nil` for a missing key and for every other kind of value.
  public subscript(key: String) -> JSONValue? { objectValue?[key] }

  /// What a message calls this kind of value.
  public var kindDescription: String {
    switch self {
    case .null: "null"
    case .bool(let value): "the boolean \(value)"
    case .integer(let value): "the integer \(value)"
    case .number(let value): "the number \(value)"
    case .string(let value): "the string \(JSONValue.string(String(value.prefix(60))).compact)"
    case .array(let value): "an array of \(value.count)"
    case .object(let value): "an object of \(value.count) members"
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(JSONObject(elements.map { (key: $0.0, value: $0.1) }))
  }
  public init(nilLiteral: ()) { self = .null }
}
