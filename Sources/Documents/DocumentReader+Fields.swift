// Fields that hold one plain value, and lists of plain values.
extension DocumentReader {
  /// A text.
  ///
  /// - Parameters:
  ///   - fallback: Its default; a field without one is required.
  ///   - meaning: What the field is, for the schema and for the message when it is missing.
  public func string(_ key: String, default fallback: String? = nil, _ meaning: String) -> String {
    field(key, .string, default: fallback, placeholder: "", meaning)
  }

  /// A text that may be left out or be null.
  public func optionalString(_ key: String, _ meaning: String) -> String? {
    optional(key, .string, meaning)
  }

  /// `true` or `false`.
  public func boolean(_ key: String, default fallback: Bool? = nil, _ meaning: String) -> Bool {
    field(key, .boolean, default: fallback, placeholder: false, meaning)
  }

  /// An integer within bounds, also when it was spelled with a fraction of zero (`1e3`).
  public func integer(
    _ key: String, in range: ClosedRange<Int> = 0...Int.max, default fallback: Int? = nil,
    _ meaning: String
  ) -> Int {
    field(key, .integer(in: range), default: fallback, placeholder: range.lowerBound, meaning)
  }

  /// An integer within bounds that may be left out or be null.
  public func optionalInteger(
    _ key: String, in range: ClosedRange<Int> = 0...Int.max, _ meaning: String
  ) -> Int? {
    optional(key, .integer(in: range), meaning)
  }

  /// - Parameters:
  ///   - above: An open lower bound: the number must be greater.
  ///   - below: An open upper bound: the number must be less.
  public func number(
    _ key: String, in range: ClosedRange<Double> = -Double.infinity...Double.infinity,
    above: Double? = nil, below: Double? = nil, default fallback: Double? = nil,
    _ meaning: String
  ) -> Double {
    field(
      key, .number(in: range, above: above, below: below), default: fallback,
      placeholder: range.lowerBound.isFinite ? range.lowerBound : 0, meaning)
  }

  /// A number within bounds that may be left out or be null.
  public func optionalNumber(
    _ key: String, in range: ClosedRange<Double> = -Double.infinity...Double.infinity,
    above: Double? = nil, below: Double? = nil, _ meaning: String
  ) -> Double? {
    optional(key, .number(in: range, above: above, below: below), meaning)
  }

  /// One of the given words; an unknown one is answered with the list and the nearest.
  public func word(
    _ key: String, of words: [String], default fallback: String? = nil, _ meaning: String
  ) -> String {
    field(
      key, .word(of: words), default: fallback, placeholder: words.first ?? "", meaning,
      suggestion: { Self.suggestion(for: $0, among: words) })
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
    list(
      key, of: words.map { .word(of: $0) } ?? .string, "strings", default: fallback, meaning,
      suggestion: { value in words.flatMap { Self.suggestion(for: value, among: $0) } })
  }

  /// A list of integers within bounds.
  public func integers(
    _ key: String, in range: ClosedRange<Int> = 0...Int.max, default fallback: [Int]? = nil,
    _ meaning: String
  ) -> [Int] {
    list(key, of: .integer(in: range), "integers", default: fallback, meaning)
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
    list(
      key, of: .number(in: range, above: above, below: below), "numbers", count: count,
      default: fallback, meaning)
  }

  // MARK: One declaration

  private func field<Value>(
    _ key: String, _ kind: JSONKind<Value>, default fallback: Value?, placeholder: Value,
    _ meaning: String, suggestion: (JSONValue) -> String? = { _ in nil }
  ) -> Value {
    var schema = kind.schema
    if let fallback { schema["default"] = kind.encode(fallback) }
    declare(key, schema, meaning, required: fallback == nil)
    guard let value = object[key] else {
      if fallback == nil { report(key, "is missing; expected \(kind.expected) (\(meaning))") }
      resolved[key] = kind.encode(fallback ?? placeholder)
      return fallback ?? placeholder
    }
    if let decoded = kind.decode(value) {
      resolved[key] = kind.encode(decoded)
      return decoded
    }
    report(
      key, "found \(value.kindDescription), expected \(kind.expected)\(suggestion(value) ?? "")")
    return fallback ?? placeholder
  }

  private func optional<Value>(
    _ key: String, _ kind: JSONKind<Value>, _ meaning: String
  ) -> Value? {
    var schema = kind.schema
    if let type = schema["type"] { schema["type"] = [type, "null"] }
    declare(key, schema, meaning, required: false)
    resolved[key] = object[key] ?? .null
    switch object.member(key, kind) {
    case .value(let decoded): return decoded
    case .missing: break
    case .mistaken(let found):
      report(key, "found \(found.kindDescription), expected \(kind.expected)")
    }
    return nil
  }

  private func list<Element>(
    _ key: String, of kind: JSONKind<Element>, _ many: String, count: Int? = nil,
    default fallback: [Element]?, _ meaning: String,
    suggestion: (JSONValue) -> String? = { _ in nil }
  ) -> [Element] {
    var schema: JSONObject = ["type": "array", "items": .object(kind.schema)]
    if let count {
      schema["minItems"] = .integer(count)
      schema["maxItems"] = .integer(count)
    }
    if let fallback { schema["default"] = .array(fallback.map(kind.encode)) }
    declare(key, schema, meaning, required: fallback == nil)
    let number = count.map { "\($0) " } ?? ""
    let expectation = "an array of \(number)\(many)"
    guard let value = object[key] else {
      if fallback == nil { report(key, "is missing; expected \(expectation) (\(meaning))") }
      resolved[key] = .array((fallback ?? []).map(kind.encode))
      return fallback ?? []
    }
    guard let elements = value.arrayValue, count == nil || elements.count == count else {
      report(key, "found \(value.kindDescription), expected \(expectation)")
      return fallback ?? []
    }
    let decoded = elements.enumerated().compactMap { index, element in
      let result = kind.decode(element)
      if result == nil {
        let hint = suggestion(element) ?? ""
        report(
          "\(key)[\(index)]", "found \(element.kindDescription), expected \(kind.expected)\(hint)")
      }
      return result
    }
    resolved[key] = .array(decoded.map(kind.encode))
    return decoded.count == elements.count ? decoded : (fallback ?? [])
  }

  static func suggestion(for value: JSONValue, among words: [String]) -> String? {
    value.stringValue.flatMap { nearest($0, among: words) }.map { "; did you mean \"\($0)\"?" }
  }
}
