// Fields that hold one plain value, and lists of plain values.
extension DocumentReader {
  /// A text.
  ///
  /// - Parameters:
  ///   - fallback: Its default; a field without one is required.
  ///   - meaning: What the field is, for the schema and for the message when it is missing.
  public func string(_ key: String, default fallback: String? = nil, _ meaning: String) -> String {
    field(
      key, schema: ["type": "string"], fallback: fallback, placeholder: "", meaning,
      encode: { .string($0) }, expected: "a string",
      decode: { $0.stringValue }
    )
  }

  /// A text that may be left out or be null.
  public func optionalString(_ key: String, _ meaning: String) -> String? {
    optional(key, schema: ["type": "string"], meaning, expected: "a string") { $0.stringValue }
  }

  /// `true` or `false`.
  public func boolean(_ key: String, default fallback: Bool? = nil, _ meaning: String) -> Bool {
    field(
      key, schema: ["type": "boolean"], fallback: fallback, placeholder: false, meaning,
      encode: { .bool($0) }, expected: "true or false",
      decode: { $0.boolValue }
    )
  }

  /// An integer within bounds, also when it was spelled with a fraction of zero (`1e3`).
  public func integer(
    _ key: String, in range: ClosedRange<Int> = 0...Int.max, default fallback: Int? = nil,
    _ meaning: String
  ) -> Int {
    field(
      key, schema: IntegerBounds(range).schema, fallback: fallback,
      placeholder: range.lowerBound, meaning, encode: { .integer($0) },
      expected: IntegerBounds(range).expectation,
      decode: IntegerBounds(range).decode
    )
  }

  /// An integer within bounds that may be left out or be null.
  public func optionalInteger(
    _ key: String, in range: ClosedRange<Int> = 0...Int.max, _ meaning: String
  ) -> Int? {
    optional(
      key, schema: IntegerBounds(range).schema, meaning,
      expected: IntegerBounds(range).expectation,
      decode: IntegerBounds(range).decode
    )
  }

  /// - Parameters:
  ///   - above: An open lower bound: the number must be greater.
  ///   - below: An open upper bound: the number must be less.
  public func number(
    _ key: String, in range: ClosedRange<Double> = -Double.infinity...Double.infinity,
    above: Double? = nil, below: Double? = nil, default fallback: Double? = nil,
    _ meaning: String
  ) -> Double {
    let bounds = NumberBounds(closed: range, above: above, below: below)
    return field(
      key, schema: bounds.schema, fallback: fallback,
      placeholder: range.lowerBound.isFinite ? range.lowerBound : 0, meaning,
      encode: { .number($0) }, expected: bounds.expectation, decode: bounds.decode)
  }

  /// A number within bounds that may be left out or be null.
  public func optionalNumber(
    _ key: String, in range: ClosedRange<Double> = -Double.infinity...Double.infinity,
    above: Double? = nil, below: Double? = nil, _ meaning: String
  ) -> Double? {
    let bounds = NumberBounds(closed: range, above: above, below: below)
    return optional(
      key, schema: bounds.schema, meaning, expected: bounds.expectation, decode: bounds.decode)
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

  /// A case of an enumeration, spelled as its raw value.
  public func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ key: String, default fallback: Choice? = nil, _ meaning: String
  ) -> Choice {
    let words = Choice.allCases.map(\.rawValue)
    return Choice(rawValue: word(key, of: words, default: fallback?.rawValue, meaning))!
  }

  // MARK: Lists

  /// A list of texts.
  ///
  /// - Parameter words: The texts that are allowed; `nil` for any.
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

  /// A list of integers within bounds.
  public func integers(
    _ key: String, in range: ClosedRange<Int> = 0...Int.max, default fallback: [Int]? = nil,
    _ meaning: String
  ) -> [Int] {
    list(
      key, items: IntegerBounds(range).schema, fallback: fallback, meaning,
      encode: { .integer($0) }, expected: ("integers", IntegerBounds(range).expectation),
      decode: IntegerBounds(range).decode
    )
  }

  /// A list of integers, or a text that stands for one in another notation.
  ///
  /// - Parameters:
  ///   - expectation: What texts may say.
  ///   - parse: `nil` for a text that is none of these.
  public func integers<Notation>(
    _ key: String, in range: ClosedRange<Int> = 0...Int.max, default fallback: [Int],
    orText expectation: String, parse: (String) -> Notation?, _ meaning: String
  ) -> (list: [Int], text: Notation?) {
    if isDescribing {
      _ = integers(key, in: range, default: fallback, meaning)
      declare(key, ["type": "string"], meaning, required: false)
      return (fallback, nil)
    }
    guard let text = object[key]?.stringValue else {
      return (integers(key, in: range, default: fallback, meaning), nil)
    }
    declare(key, ["type": "string"], meaning, required: false)
    resolved[key] = .string(text)
    if let notation = parse(text) { return ([], notation) }
    let found = JSONValue.string(text).kindDescription
    report(key, "found \(found), expected an array of integers or \(expectation)")
    return (fallback, nil)
  }

  /// - Parameter count: The number of elements the list must have; `nil` for any.
  public func numbers(
    _ key: String, count: Int? = nil,
    in range: ClosedRange<Double> = -Double.infinity...Double.infinity,
    above: Double? = nil, below: Double? = nil, default fallback: [Double]? = nil,
    _ meaning: String
  ) -> [Double] {
    let bounds = NumberBounds(closed: range, above: above, below: below)
    return list(
      key, items: bounds.schema, count: count, fallback: fallback, meaning,
      encode: { .number($0) }, expected: ("numbers", bounds.expectation), decode: bounds.decode)
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
}
