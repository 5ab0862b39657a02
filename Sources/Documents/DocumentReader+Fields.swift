// Fields that hold one plain value, and lists of plain values.
extension DocumentReader {
  public func string(_ key: String, default fallback: String? = nil, _ meaning: String) -> String {
    field(
      key, schema: ["type": "string"], fallback: fallback, placeholder: "", meaning,
      encode: { .string($0) }, expected: "a string",
      decode: { $0.stringValue }
    )
  }

  public func optionalString(_ key: String, _ meaning: String) -> String? {
    optional(key, schema: ["type": "string"], meaning, expected: "a string") { $0.stringValue }
  }

  public func boolean(_ key: String, default fallback: Bool? = nil, _ meaning: String) -> Bool {
    field(
      key, schema: ["type": "boolean"], fallback: fallback, placeholder: false, meaning,
      encode: { .bool($0) }, expected: "true or false",
      decode: { $0.boolValue }
    )
  }

  public func integer(
    _ key: String, in range: ClosedRange<Int> = 0...Int.max, default fallback: Int? = nil,
    _ meaning: String
  ) -> Int {
    field(
      key, schema: Self.integerSchema(range), fallback: fallback,
      placeholder: range.lowerBound, meaning, encode: { .integer($0) },
      expected: Self.expectation("an integer", range),
      decode: { $0.intValue.flatMap { range.contains($0) ? $0 : nil } }
    )
  }

  public func optionalInteger(
    _ key: String, in range: ClosedRange<Int> = 0...Int.max, _ meaning: String
  ) -> Int? {
    optional(
      key, schema: Self.integerSchema(range), meaning,
      expected: Self.expectation("an integer", range),
      decode: { $0.intValue.flatMap { range.contains($0) ? $0 : nil } }
    )
  }

  public func number(
    _ key: String, in range: ClosedRange<Double> = -Double.infinity...Double.infinity,
    default fallback: Double? = nil, _ meaning: String
  ) -> Double {
    field(
      key, schema: Self.numberSchema(range), fallback: fallback,
      placeholder: range.lowerBound.isFinite ? range.lowerBound : 0, meaning,
      encode: { .number($0) }, expected: Self.expectation("a number", range),
      decode: { $0.doubleValue.flatMap { range.contains($0) ? $0 : nil } }
    )
  }

  public func optionalNumber(
    _ key: String, in range: ClosedRange<Double> = -Double.infinity...Double.infinity,
    _ meaning: String
  ) -> Double? {
    optional(
      key, schema: Self.numberSchema(range), meaning,
      expected: Self.expectation("a number", range),
      decode: { $0.doubleValue.flatMap { range.contains($0) ? $0 : nil } }
    )
  }

  /// One of the given words; an unknown one is answered with the list and the nearest.
  public func word(
    _ key: String, of words: [String], default fallback: String? = nil, _ meaning: String
  ) -> String {
    field(
      key, schema: ["type": "string", "enum": .array(words.map { .string($0) })],
      fallback: fallback, placeholder: words.first ?? "", meaning, encode: { .string($0) },
      expected: Self.expectation(of: words), suggestion: { Self.suggestion(for: $0, among: words) },
      decode: { $0.stringValue.flatMap { words.contains($0) ? $0 : nil } }
    )
  }

  public func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ key: String, default fallback: Choice? = nil, _ meaning: String
  ) -> Choice {
    let words = Choice.allCases.map(\.rawValue)
    return Choice(rawValue: word(key, of: words, default: fallback?.rawValue, meaning))!
  }

  // MARK: Lists

  public func strings(
    _ key: String, of words: [String]? = nil, default fallback: [String]? = nil, _ meaning: String
  ) -> [String] {
    var items: JSONObject = ["type": "string"]
    if let words { items["enum"] = .array(words.map { .string($0) }) }
    return list(
      key, items: items, fallback: fallback, meaning, encode: { .string($0) },
      expected: ("strings", words.map(Self.expectation(of:)) ?? "a string"),
      suggestion: { value in words.flatMap { Self.suggestion(for: value, among: $0) } },
      decode: { $0.stringValue.flatMap { words?.contains($0) ?? true ? $0 : nil } }
    )
  }

  public func integers(
    _ key: String, in range: ClosedRange<Int> = 0...Int.max, default fallback: [Int]? = nil,
    _ meaning: String
  ) -> [Int] {
    list(
      key, items: Self.integerSchema(range), fallback: fallback, meaning,
      encode: { .integer($0) }, expected: ("integers", Self.expectation("an integer", range)),
      decode: { $0.intValue.flatMap { range.contains($0) ? $0 : nil } }
    )
  }

  /// - Parameter count: The number of elements the list must have; `nil` for any.
  public func numbers(
    _ key: String, count: Int? = nil,
    in range: ClosedRange<Double> = -Double.infinity...Double.infinity,
    default fallback: [Double]? = nil, _ meaning: String
  ) -> [Double] {
    list(
      key, items: Self.numberSchema(range), count: count, fallback: fallback, meaning,
      encode: { .number($0) }, expected: ("numbers", Self.expectation("a number", range)),
      decode: { $0.doubleValue.flatMap { range.contains($0) ? $0 : nil } }
    )
  }

  // MARK: One declaration

  private func field<Value>(
    _ key: String, schema: JSONObject, fallback: Value?, placeholder: Value, _ meaning: String,
    encode: (Value) -> JSONValue, expected: String,
    suggestion: (JSONValue) -> String? = { _ in nil }, decode: (JSONValue) -> Value?
  ) -> Value {
    var schema = schema
    if let fallback { schema["default"] = encode(fallback) }
    declare(key, schema, meaning, required: fallback == nil)
    guard let value = object[key] else {
      if fallback == nil { report(key, "is missing; expected \(expected) (\(meaning))") }
      resolved[key] = encode(fallback ?? placeholder)
      return fallback ?? placeholder
    }
    if let decoded = decode(value) {
      resolved[key] = encode(decoded)
      return decoded
    }
    report(key, "found \(value.kindDescription), expected \(expected)\(suggestion(value) ?? "")")
    return fallback ?? placeholder
  }

  private func optional<Value>(
    _ key: String, schema: JSONObject, _ meaning: String, expected: String,
    decode: (JSONValue) -> Value?
  ) -> Value? {
    var schema = schema
    if let type = schema["type"] { schema["type"] = [type, "null"] }
    declare(key, schema, meaning, required: false)
    resolved[key] = object[key] ?? .null
    guard let value = object[key], !value.isNull else { return nil }
    if let decoded = decode(value) { return decoded }
    report(key, "found \(value.kindDescription), expected \(expected)")
    return nil
  }

  private func list<Element>(
    _ key: String, items: JSONObject, count: Int? = nil, fallback: [Element]?, _ meaning: String,
    encode: (Element) -> JSONValue, expected: (many: String, one: String),
    suggestion: (JSONValue) -> String? = { _ in nil }, decode: (JSONValue) -> Element?
  ) -> [Element] {
    var schema: JSONObject = ["type": "array", "items": .object(items)]
    if let count {
      schema["minItems"] = .integer(count)
      schema["maxItems"] = .integer(count)
    }
    if let fallback { schema["default"] = .array(fallback.map(encode)) }
    declare(key, schema, meaning, required: fallback == nil)
    let number = count.map { "\($0) " } ?? ""
    let expectation = "an array of \(number)\(expected.many)"
    guard let value = object[key] else {
      if fallback == nil { report(key, "is missing; expected \(expectation) (\(meaning))") }
      resolved[key] = .array((fallback ?? []).map(encode))
      return fallback ?? []
    }
    guard let elements = value.arrayValue, count == nil || elements.count == count else {
      report(key, "found \(value.kindDescription), expected \(expectation)")
      return fallback ?? []
    }
    let decoded = elements.enumerated().compactMap { index, element in
      let result = decode(element)
      if result == nil {
        let hint = suggestion(element) ?? ""
        report(
          "\(key)[\(index)]", "found \(element.kindDescription), expected \(expected.one)\(hint)")
      }
      return result
    }
    resolved[key] = .array(decoded.map(encode))
    return decoded.count == elements.count ? decoded : (fallback ?? [])
  }

  static func expectation(of words: [String]) -> String {
    "one of " + words.map { "\"\($0)\"" }.joined(separator: ", ")
  }

  static func suggestion(for value: JSONValue, among words: [String]) -> String? {
    value.stringValue.flatMap { nearest($0, among: words) }.map { "; did you mean \"\($0)\"?" }
  }

  private static func integerSchema(_ range: ClosedRange<Int>) -> JSONObject {
    var schema: JSONObject = ["type": "integer"]
    if range.lowerBound > Int.min { schema["minimum"] = .integer(range.lowerBound) }
    if range.upperBound < Int.max { schema["maximum"] = .integer(range.upperBound) }
    return schema
  }

  private static func numberSchema(_ range: ClosedRange<Double>) -> JSONObject {
    var schema: JSONObject = ["type": "number"]
    if range.lowerBound.isFinite { schema["minimum"] = .number(range.lowerBound) }
    if range.upperBound.isFinite { schema["maximum"] = .number(range.upperBound) }
    return schema
  }

  private static func expectation(_ kind: String, _ range: ClosedRange<Int>) -> String {
    expectation(
      kind, lower: range.lowerBound > Int.min ? "\(range.lowerBound)" : nil,
      upper: range.upperBound < Int.max ? "\(range.upperBound)" : nil)
  }

  private static func expectation(_ kind: String, _ range: ClosedRange<Double>) -> String {
    expectation(
      kind, lower: range.lowerBound.isFinite ? "\(range.lowerBound)" : nil,
      upper: range.upperBound.isFinite ? "\(range.upperBound)" : nil)
  }

  private static func expectation(_ kind: String, lower: String?, upper: String?) -> String {
    switch (lower, upper) {
    case (nil, nil): kind
    case (nil, let upper?): "\(kind) of at most \(upper)"
    case (let lower?, nil): "\(kind) of at least \(lower)"
    case (let lower?, let upper?): "\(kind) from \(lower) to \(upper)"
    }
  }
}
