/// Reads one JSON object field by field. Every field is declared once, with its type, bounds,
/// default and meaning; the declaration decodes the value, reports each mistake without stopping
/// at the first, knows the keys for unknown-key suggestions, spells the value out in the resolved
/// document, and describes itself as JSON Schema.
///
/// A field without a default is required. After a mistake a placeholder is returned, so that
/// reading goes on; nothing decoded may be used once `Diagnostics.throwIfAny()` has thrown.
public final class DocumentReader {
  let object: JSONObject
  /// JSON path of this object from the document's root: `$.stages[1]`.
  public let path: String
  let diagnostics: Diagnostics
  /// Members of this object's JSON Schema, in the order of declaration.
  var declared = JSONObject()
  var required: [String] = []
  /// This object with every default spelled out, in the order of declaration.
  var resolved = JSONObject()
  /// One schema for each case of a `variant`, while a schema is described.
  var alternatives: [Alternative] = []
  /// Set once the object's kind is unknown, so that its keys cannot be judged.
  var acceptsUnknownKeys = false

  struct Alternative {
    var word: String
    var properties: JSONObject
    var required: [String]
  }

  init(object: JSONObject, path: String, diagnostics: Diagnostics) {
    self.object = object
    self.path = path
    self.diagnostics = diagnostics
  }

  /// Collects what readers find.
  public final class Diagnostics {
    /// The first mistakes, in the order in which they were met.
    public private(set) var found: [Diagnostic] = []
    /// How many there were beyond them.
    private var further = 0
    /// So many are told.
    private static let maximum = 40
    /// While a schema is being described, missing values are no mistakes.
    let isDescribing: Bool

    init(isDescribing: Bool = false) { self.isDescribing = isDescribing }

    func report(_ path: String, _ message: String) {
      if isDescribing { return }
      if isFull {
        further += 1
      } else {
        found.append(Diagnostic(path: path, message: message))
      }
    }

    /// Whether further mistakes are only counted, and need no words.
    var isFull: Bool { found.count >= Self.maximum }

    func throwIfAny() throws(DocumentError) {
      if !found.isEmpty { throw DocumentError(found, further: further) }
    }
  }

  /// Reads a whole document.
  ///
  /// - Throws: `DocumentError` with every mistake found.
  public static func read<Result>(
    _ document: JSONValue, at path: String = "$", _ body: (DocumentReader) -> Result
  ) throws(DocumentError) -> Result {
    try resolve(document, at: path, body).result
  }

  /// Reads a whole document and returns beside the result the document with every default spelled
  /// out: reading that one again gives the same result, also after a default has changed.
  ///
  /// - Throws: `DocumentError` with every mistake found.
  public static func resolve<Result>(
    _ document: JSONValue, at path: String = "$", _ body: (DocumentReader) -> Result
  ) throws(DocumentError) -> (result: Result, resolved: JSONValue) {
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
    return (result, .object(reader.resolved))
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

  /// Whether the document gives this key a value other than null.
  public func isGiven(_ key: String) -> Bool { !(object[key]?.isNull ?? true) }

  /// Reads keys that stand for others: they are declared and their mistakes reported, but the
  /// resolved document has only what they stand for.
  public func shortForms<Result>(_ body: (DocumentReader) -> Result) -> Result {
    let spelled = resolved
    defer { resolved = spelled }
    return body(self)
  }

  /// Puts into the resolved document what a default came to that hangs on more than this object.
  public func spell(_ key: String, as value: JSONValue) { resolved[key] = value }

  // MARK: Declaration

  func declare(_ key: String, _ schema: JSONObject, _ meaning: String, required: Bool) {
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

  var schema: JSONValue {
    if alternatives.isEmpty {
      return .object(Self.objectSchema(properties: declared, required: required))
    }
    let cases = alternatives.map { alternative in
      var properties = declared
      for (key, schema) in alternative.properties.members { properties[key] = schema }
      var schema = JSONObject([("title", .string(alternative.word))])
      let described = Self.objectSchema(
        properties: properties, required: required + alternative.required)
      for (key, value) in described.members { schema[key] = value }
      return JSONValue.object(schema)
    }
    return ["oneOf": .array(cases)]
  }

  private static func objectSchema(properties: JSONObject, required: [String]) -> JSONObject {
    var schema = JSONObject([
      ("type", "object"), ("properties", .object(properties)), ("additionalProperties", false),
    ])
    if !required.isEmpty { schema["required"] = .array(required.map { .string($0) }) }
    return schema
  }

  /// Bytes of a key that a message names whole.
  private static let longestKey = 400

  /// Reports every key of the object that no field has declared.
  func finish() {
    if acceptsUnknownKeys { return }
    for (name, _) in object.members where declared[name] == nil && name != "$schema" {
      if diagnostics.isFull {
        diagnostics.report(path, "")
        continue
      }
      let hint =
        nearest(name, among: declared.keys).map { "did you mean \"\($0)\"?" }
        ?? "known keys here are \(declared.keys.sorted().joined(separator: ", "))"
      let isLong = name.utf8.count > Self.longestKey
      let key = isLong ? String(name.prefix(Self.longestKey / 4)) + "…" : name
      let isPlain =
        !key.isEmpty && key.allSatisfy { $0.isLetter || $0.isNumber || "_-".contains($0) }
      diagnostics.report(
        isPlain ? "\(path).\(key)" : "\(path)[\(JSONValue.string(key).compact)]",
        "is not a known key; \(hint)")
    }
  }
}
