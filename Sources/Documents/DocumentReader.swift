/// One mistake in a document: where, what was found, what was expected, what to do.
public struct Diagnostic: Sendable, Equatable, CustomStringConvertible {
  /// JSON path from the document's root: `$.stages[1].learningRate`.
  public let path: String
  public let message: String

  public var description: String { "\(path): \(message)" }
}

/// All mistakes of a document at once.
public struct DocumentError: Error, Equatable, CustomStringConvertible {
  public let diagnostics: [Diagnostic]

  public init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

  public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

/// Reads one JSON object field by field. Every field is declared once, with its type, bounds,
/// default and meaning; the declaration decodes the value, reports each mistake without stopping
/// at the first, knows the keys for unknown-key suggestions, and describes itself as JSON Schema.
///
/// A field without a default is required. After a mistake a placeholder is returned, so that
/// reading goes on; nothing decoded may be used once `Diagnostics.throwIfAny()` has thrown.
public final class DocumentReader {
  private let object: JSONObject
  public let path: String
  private let diagnostics: Diagnostics
  /// Members of this object's JSON Schema, in the order of declaration.
  private var declared = JSONObject()
  private var required: [String] = []

  fileprivate init(object: JSONObject, path: String, diagnostics: Diagnostics) {
    self.object = object
    self.path = path
    self.diagnostics = diagnostics
  }

  /// Collects what readers find.
  public final class Diagnostics {
    public private(set) var found: [Diagnostic] = []
    /// While a schema is being described, missing values are no mistakes.
    let isDescribing: Bool

    init(isDescribing: Bool = false) { self.isDescribing = isDescribing }

    func report(_ path: String, _ message: String) {
      if !isDescribing { found.append(Diagnostic(path: path, message: message)) }
    }

    func throwIfAny() throws(DocumentError) {
      if !found.isEmpty { throw DocumentError(found) }
    }
  }

  /// Reads a whole document.
  ///
  /// - Throws: `DocumentError` with every mistake found.
  public static func read<Result>(
    _ document: JSONValue, at path: String = "$", _ body: (DocumentReader) -> Result
  ) throws(DocumentError) -> Result {
    let diagnostics = Diagnostics()
    guard let object = document.objectValue else {
      throw DocumentError([
        Diagnostic(path: path, message: "found \(document.kindDescription), expected an object")
      ])
    }
    let reader = DocumentReader(object: object, path: path, diagnostics: diagnostics)
    let result = body(reader)
    reader.finish()
    try diagnostics.throwIfAny()
    return result
  }

  /// JSON Schema of the object that `body` reads.
  public static func schema(_ body: (DocumentReader) -> Void) -> JSONValue {
    let reader = DocumentReader(
      object: JSONObject(), path: "$", diagnostics: Diagnostics(isDescribing: true))
    body(reader)
    return reader.schema
  }

  /// True while a schema is described: every branch of a choice must then be visited.
  public var isDescribing: Bool { diagnostics.isDescribing }

  /// Reports a mistake that only several fields together make.
  public func report(_ key: String, _ message: String) {
    diagnostics.report(key.isEmpty ? path : "\(path).\(key)", message)
  }

  /// Whether the document gives this key (also as null).
  public func has(_ key: String) -> Bool { object[key] != nil }

  // MARK: Fields

  public func string(_ key: String, default fallback: String? = nil, _ meaning: String) -> String {
    field(
      key, schema: ["type": "string"], fallback: fallback, placeholder: "", meaning,
      encode: { .string($0) }, expected: "a string"
    ) { $0.stringValue }
  }

  public func optionalString(_ key: String, _ meaning: String) -> String? {
    optional(key, schema: ["type": "string"], meaning, expected: "a string") { $0.stringValue }
  }

  public func boolean(_ key: String, default fallback: Bool? = nil, _ meaning: String) -> Bool {
    field(
      key, schema: ["type": "boolean"], fallback: fallback, placeholder: false, meaning,
      encode: { .bool($0) }, expected: "true or false"
    ) { $0.boolValue }
  }

  public func integer(
    _ key: String, in range: ClosedRange<Int> = 0...Int.max, default fallback: Int? = nil,
    _ meaning: String
  ) -> Int {
    field(
      key, schema: Self.integerSchema(range), fallback: fallback,
      placeholder: range.lowerBound, meaning, encode: { .integer($0) },
      expected: Self.expectation("an integer", range.lowerBound, range.upperBound, Int.max)
    ) { $0.intValue.flatMap { range.contains($0) ? $0 : nil } }
  }

  public func optionalInteger(
    _ key: String, in range: ClosedRange<Int> = 0...Int.max, _ meaning: String
  ) -> Int? {
    optional(
      key, schema: Self.integerSchema(range), meaning,
      expected: Self.expectation("an integer", range.lowerBound, range.upperBound, Int.max)
    ) { $0.intValue.flatMap { range.contains($0) ? $0 : nil } }
  }

  public func number(
    _ key: String, in range: ClosedRange<Double> = -Double.infinity...Double.infinity,
    default fallback: Double? = nil, _ meaning: String
  ) -> Double {
    field(
      key, schema: Self.numberSchema(range), fallback: fallback,
      placeholder: range.lowerBound.isFinite ? range.lowerBound : 0, meaning,
      encode: { .number($0) },
      expected: Self.expectation("a number", range.lowerBound, range.upperBound, .infinity)
    ) { $0.doubleValue.flatMap { range.contains($0) ? $0 : nil } }
  }

  public func optionalNumber(
    _ key: String, in range: ClosedRange<Double> = -Double.infinity...Double.infinity,
    _ meaning: String
  ) -> Double? {
    optional(
      key, schema: Self.numberSchema(range), meaning,
      expected: Self.expectation("a number", range.lowerBound, range.upperBound, .infinity)
    ) { $0.doubleValue.flatMap { range.contains($0) ? $0 : nil } }
  }

  /// One of the given words; an unknown one is answered with the list and the nearest.
  public func word(
    _ key: String, of words: [String], default fallback: String? = nil, _ meaning: String
  ) -> String {
    field(
      key, schema: ["type": "string", "enum": .array(words.map { .string($0) })],
      fallback: fallback, placeholder: words.first ?? "", meaning, encode: { .string($0) },
      expected: "one of " + words.map { "\"\($0)\"" }.joined(separator: ", "),
      suggestion: { $0.stringValue.flatMap { nearest($0, among: words) } }
    ) { $0.stringValue.flatMap { words.contains($0) ? $0 : nil } }
  }

  public func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ key: String, default fallback: Choice? = nil, _ meaning: String
  ) -> Choice {
    let words = Choice.allCases.map(\.rawValue)
    return Choice(rawValue: word(key, of: words, default: fallback?.rawValue, meaning))!
  }

  /// A nested object; missing, it is read as an empty one, so its own required fields speak.
  public func object<Result>(
    _ key: String, _ meaning: String, _ body: (DocumentReader) -> Result
  ) -> Result {
    let value = object[key] ?? .object(JSONObject())
    return nested(key, value, required: false, meaning, body)
  }

  /// A nested object that may be left out (or be null).
  public func optionalObject<Result>(
    _ key: String, _ meaning: String, _ body: (DocumentReader) -> Result
  ) -> Result? {
    guard let value = object[key], !value.isNull else {
      if isDescribing { _ = nested(key, .object(JSONObject()), required: false, meaning, body) }
      declare(key, declared[key]?.objectValue ?? ["type": "object"], meaning, required: false)
      return nil
    }
    return nested(key, value, required: false, meaning, body)
  }

  /// An array of objects.
  public func objects<Result>(
    _ key: String, minimum: Int = 0, _ meaning: String, _ body: (DocumentReader) -> Result
  ) -> [Result] {
    var items: JSONValue = ["type": "object"]
    if isDescribing { items = Self.schema { _ = body($0) } }
    declare(key, ["type": "array", "items": items], meaning, required: minimum > 0)
    guard let value = object[key] else {
      if minimum > 0 { report(key, "is missing; expected an array of at least \(minimum)") }
      return []
    }
    guard let elements = value.arrayValue else {
      report(key, "found \(value.kindDescription), expected an array of objects")
      return []
    }
    if elements.count < minimum {
      report(key, "found an empty array, expected at least \(minimum)")
    }
    return elements.enumerated().compactMap { index, element in
      guard let object = element.objectValue else {
        report("\(key)[\(index)]", "found \(element.kindDescription), expected an object")
        return nil
      }
      let reader = DocumentReader(
        object: object, path: "\(path).\(key)[\(index)]", diagnostics: diagnostics)
      let result = body(reader)
      reader.finish()
      return result
    }
  }

  public func strings(
    _ key: String, of words: [String]? = nil, default fallback: [String]? = nil, _ meaning: String
  ) -> [String] {
    var items: JSONObject = JSONObject([("type", "string")])
    if let words { items["enum"] = .array(words.map { .string($0) }) }
    return field(
      key, schema: JSONObject([("type", "array"), ("items", .object(items))]), fallback: fallback,
      placeholder: [], meaning, encode: { .array($0.map { .string($0) }) },
      expected: words.map { "an array of strings out of \($0.joined(separator: ", "))" }
        ?? "an array of strings",
      suggestion: { value in
        guard let words else { return nil }
        let strings = value.arrayValue?.compactMap(\.stringValue) ?? []
        return strings.first { !words.contains($0) }.flatMap { nearest($0, among: words) }
      }
    ) { value in
      guard let elements = value.arrayValue else { return nil }
      let strings = elements.compactMap(\.stringValue)
      guard strings.count == elements.count, strings.allSatisfy({ words?.contains($0) ?? true })
      else { return nil }
      return strings
    }
  }

  public func integers(
    _ key: String, in range: ClosedRange<Int> = 0...Int.max, default fallback: [Int]? = nil,
    _ meaning: String
  ) -> [Int] {
    field(
      key,
      schema: JSONObject([("type", "array"), ("items", .object(Self.integerSchema(range)))]),
      fallback: fallback, placeholder: [], meaning,
      encode: { .array($0.map { .integer($0) }) },
      expected: Self.expectation(
        "an array of integers, each", range.lowerBound, range.upperBound, Int.max)
    ) { value in
      guard let elements = value.arrayValue else { return nil }
      let integers = elements.compactMap(\.intValue).filter(range.contains)
      return integers.count == elements.count ? integers : nil
    }
  }

  /// A value that another reader understands (a map of names to numbers, say), uninterpreted.
  public func any(_ key: String, _ meaning: String) -> JSONValue? {
    declare(key, [:], meaning, required: false)
    return object[key]
  }

  // MARK: Declaration

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
      return fallback ?? placeholder
    }
    if let decoded = decode(value) { return decoded }
    let hint = suggestion(value).map { "; did you mean \"\($0)\"?" } ?? ""
    report(key, "found \(value.kindDescription), expected \(expected)\(hint)")
    return fallback ?? placeholder
  }

  private func optional<Value>(
    _ key: String, schema: JSONObject, _ meaning: String, expected: String,
    decode: (JSONValue) -> Value?
  ) -> Value? {
    var schema = schema
    if let type = schema["type"] { schema["type"] = [type, "null"] }
    declare(key, schema, meaning, required: false)
    guard let value = object[key], !value.isNull else { return nil }
    if let decoded = decode(value) { return decoded }
    report(key, "found \(value.kindDescription), expected \(expected)")
    return nil
  }

  private func nested<Result>(
    _ key: String, _ value: JSONValue, required: Bool, _ meaning: String,
    _ body: (DocumentReader) -> Result
  ) -> Result {
    if value.objectValue == nil {
      report(key, "found \(value.kindDescription), expected an object")
    }
    // A value of the wrong kind has been reported: its fields are read without a second voice.
    let silent = value.objectValue == nil
    let reader = DocumentReader(
      object: value.objectValue ?? JSONObject(), path: "\(path).\(key)",
      diagnostics: silent ? Diagnostics() : diagnostics)
    let result = body(reader)
    reader.finish()
    declare(key, reader.schema.objectValue!, meaning, required: required)
    return result
  }

  private func declare(_ key: String, _ schema: JSONObject, _ meaning: String, required: Bool) {
    var schema = schema
    schema["description"] = .string(meaning)
    // Branches of a choice may declare one key with several words or bounds; the union is kept.
    if let known = declared[key]?.objectValue, known != schema, isDescribing {
      let alternatives = known["anyOf"]?.arrayValue ?? [.object(known)]
      if !alternatives.contains(.object(schema)) {
        schema = JSONObject([("anyOf", .array(alternatives + [.object(schema)]))])
      } else {
        schema = known
      }
    }
    declared[key] = .object(schema)
    if required, !self.required.contains(key) { self.required.append(key) }
  }

  private var schema: JSONValue {
    var schema = JSONObject([
      ("type", "object"), ("properties", .object(declared)), ("additionalProperties", false),
    ])
    if !required.isEmpty { schema["required"] = .array(required.map { .string($0) }) }
    return .object(schema)
  }

  /// Reports every key of the object that no field has declared.
  private func finish() {
    for key in object.keys where declared[key] == nil && key != "$schema" {
      let hint =
        nearest(key, among: declared.keys).map { "did you mean \"\($0)\"?" }
        ?? "known keys here are \(declared.keys.sorted().joined(separator: ", "))"
      report(key, "is not a known key; \(hint)")
    }
  }

  private static func integerSchema(_ range: ClosedRange<Int>) -> JSONObject {
    var schema = JSONObject([("type", "integer"), ("minimum", .integer(range.lowerBound))])
    if range.upperBound < Int.max { schema["maximum"] = .integer(range.upperBound) }
    return schema
  }

  private static func numberSchema(_ range: ClosedRange<Double>) -> JSONObject {
    var schema = JSONObject([("type", "number")])
    if range.lowerBound.isFinite { schema["minimum"] = .number(range.lowerBound) }
    if range.upperBound.isFinite { schema["maximum"] = .number(range.upperBound) }
    return schema
  }

  private static func expectation<Bound: Comparable>(
    _ kind: String, _ lower: Bound, _ upper: Bound, _ unbounded: Bound
  ) -> String {
    switch ("\(lower)" == "-inf", upper >= unbounded) {
    case (true, true): kind
    case (true, false): "\(kind) of at most \(upper)"
    case (false, true): "\(kind) of at least \(lower)"
    case (false, false): "\(kind) from \(lower) to \(upper)"
    }
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self.init(elements.map { (key: $0.0, value: $0.1) })
  }
}

/// The candidate with the smallest edit distance, when it is close enough to be a slip of the
/// fingers: at most a third of the word, and at most three edits.
public func nearest(_ word: String, among candidates: some Sequence<String>) -> String? {
  let best = candidates.map { ($0, editDistance(word.lowercased(), $0.lowercased())) }
    .min { $0.1 == $1.1 ? $0.0 < $1.0 : $0.1 < $1.1 }
  guard let (candidate, distance) = best, distance <= max(1, min(3, word.count / 3)) else {
    return nil
  }
  return candidate
}

private func editDistance(_ left: String, _ right: String) -> Int {
  let left = Array(left)
  let right = Array(right)
  var previous = Array(0...right.count)
  for (row, character) in left.enumerated() {
    var current = [row + 1]
    for (column, other) in right.enumerated() {
      current.append(
        min(
          previous[column + 1] + 1, current[column] + 1,
          previous[column] + (character == other ? 0 : 1)))
    }
    previous = current
  }
  return previous[right.count]
}
