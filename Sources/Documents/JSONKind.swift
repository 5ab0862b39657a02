/// What a member of an object must be: in the words of messages, in a schema, read and written.
/// Every reader of JSON objects asks for its members by kind, so that all say the same of the same
/// mistake.
public struct JSONKind<Value> {
  /// As it stands after "expected": "an integer from 1 to 5".
  public let expected: String
  let schema: JSONObject
  let encode: (Value) -> JSONValue
  let decode: (JSONValue) -> Value?

  init(
    _ expected: String, schema: JSONObject, encode: @escaping (Value) -> JSONValue,
    decode: @escaping (JSONValue) -> Value?
  ) {
    self.expected = expected
    self.schema = schema
    self.encode = encode
    self.decode = decode
  }

  /// The value, if it is of this kind.
  public func value(of document: JSONValue) -> Value? { decode(document) }

  /// The same under other words.
  public func described(as expected: String) -> JSONKind {
    JSONKind(expected, schema: schema, encode: encode, decode: decode)
  }
}

extension JSONKind where Value == String {
  /// A text.
  public static var string: JSONKind {
    JSONKind(
      "a string", schema: ["type": "string"], encode: { .string($0) },
      decode: { $0.stringValue })
  }

  /// One of the given words.
  public static func word(of words: [String]) -> JSONKind {
    JSONKind(
      "one of " + words.map { "\"\($0)\"" }.joined(separator: ", "),
      schema: ["type": "string", "enum": .array(words.map { .string($0) })],
      encode: { .string($0) },
      decode: { $0.stringValue.flatMap { words.contains($0) ? $0 : nil } })
  }
}

extension JSONKind where Value == Bool {
  /// `true` or `false`.
  public static var boolean: JSONKind {
    JSONKind(
      "true or false", schema: ["type": "boolean"], encode: { .bool($0) },
      decode: { $0.boolValue })
  }
}

extension JSONKind where Value == JSONObject {
  /// An object, whatever its members.
  public static var object: JSONKind {
    JSONKind(
      "an object", schema: ["type": "object"], encode: { .object($0) },
      decode: { $0.objectValue })
  }
}

extension JSONKind where Value == [JSONValue] {
  /// An array, whatever its elements.
  public static var array: JSONKind {
    JSONKind(
      "an array", schema: ["type": "array"], encode: { .array($0) },
      decode: { $0.arrayValue })
  }
}

extension JSONKind where Value == Int {
  /// An integer within bounds, also when it was spelled with a fraction of zero (`1e3`).
  public static func integer(in range: ClosedRange<Int> = Int.min...Int.max) -> JSONKind {
    let (hasLower, hasUpper) = (range.lowerBound > Int.min, range.upperBound < Int.max)
    var schema: JSONObject = ["type": "integer"]
    if hasLower { schema["minimum"] = .integer(range.lowerBound) }
    if hasUpper { schema["maximum"] = .integer(range.upperBound) }
    let expected =
      switch (hasLower, hasUpper) {
      case (false, false): "an integer"
      case (false, true): "an integer of at most \(range.upperBound)"
      case (true, false): "an integer of at least \(range.lowerBound)"
      case (true, true): "an integer from \(range.lowerBound) to \(range.upperBound)"
      }
    return JSONKind(
      expected, schema: schema, encode: { .integer($0) },
      decode: { $0.intValue.flatMap { range.contains($0) ? $0 : nil } })
  }
}

extension JSONKind where Value == Double {
  /// A number; the tighter of a closed and an open bound holds.
  ///
  /// - Parameters:
  ///   - above: An open lower bound: the number must be greater.
  ///   - below: An open upper bound: the number must be less.
  public static func number(
    in closed: ClosedRange<Double> = -Double.infinity...Double.infinity, above: Double? = nil,
    below: Double? = nil
  ) -> JSONKind {
    var schema: JSONObject = ["type": "number"]
    if closed.lowerBound.isFinite { schema["minimum"] = .number(closed.lowerBound) }
    if let above { schema["exclusiveMinimum"] = .number(above) }
    if closed.upperBound.isFinite { schema["maximum"] = .number(closed.upperBound) }
    if let below { schema["exclusiveMaximum"] = .number(below) }
    return JSONKind(
      expectation(closed, above, below), schema: schema, encode: { .number($0) },
      decode: { value in
        value.doubleValue.flatMap { number in
          closed.contains(number) && number > above ?? -.infinity && number < below ?? .infinity
            ? number : nil
        }
      })
  }

  private static func expectation(
    _ closed: ClosedRange<Double>, _ above: Double?, _ below: Double?
  ) -> String {
    var bounds: [String] = []
    if let above {
      bounds.append("above \(above)")
    } else if closed.lowerBound.isFinite, closed.upperBound.isFinite, below == nil {
      return "a number from \(closed.lowerBound) to \(closed.upperBound)"
    } else if closed.lowerBound.isFinite {
      bounds.append("of at least \(closed.lowerBound)")
    }
    if let below {
      bounds.append("below \(below)")
    } else if closed.upperBound.isFinite {
      bounds.append("of at most \(closed.upperBound)")
    }
    return (["a number"] + [bounds.joined(separator: " and ")]).filter { !$0.isEmpty }
      .joined(separator: " ")
  }
}

/// What an object that others wrote says under a key; null says nothing.
public enum JSONMember<Value> {
  /// The member as it was asked for.
  case value(Value)
  /// There is none.
  case missing
  /// Another kind of value.
  case mistaken(found: JSONValue)
}

extension JSONObject {
  /// The member under a key, if it is of that kind.
  public func member<Value>(_ key: String, _ kind: JSONKind<Value>) -> JSONMember<Value> {
    guard let value = self[key], !value.isNull else { return .missing }
    return kind.decode(value).map { .value($0) } ?? .mistaken(found: value)
  }
}
