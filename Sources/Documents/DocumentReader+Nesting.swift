/// One kind of object that a `variant` may be: the word that names it and how it is read.
public struct DocumentVariant<Result> {
  /// The word that the document gives for this kind.
  public let word: String
  /// Reads the object's other fields.
  public let read: (DocumentReader) -> Result

  /// A kind of object, its word and how it is read.
  public init(_ word: String, read: @escaping (DocumentReader) -> Result) {
    self.word = word
    self.read = read
  }
}

// Fields that hold objects, and objects whose keys depend on a word among them.
extension DocumentReader {
  /// A nested object; missing, it is read as an empty one, so its own required fields speak.
  public func object<Result>(
    _ key: String, _ meaning: String, _ body: (DocumentReader) -> Result
  ) -> Result {
    let (result, schema, needs) = nested(key, object[key] ?? .object(JSONObject()), body)
    declare(key, schema, meaning, required: needs)
    return result
  }

  /// A nested object that may be left out (or be null).
  public func optionalObject<Result>(
    _ key: String, _ meaning: String, _ body: (DocumentReader) -> Result
  ) -> Result? {
    guard isDescribing || isGiven(key) else {
      declare(key, ["type": ["object", "null"]], meaning, required: false)
      resolved[key] = .null
      return nil
    }
    let (result, schema, _) = nested(key, object[key] ?? .object(JSONObject()), body)
    declare(key, ["anyOf": [.object(schema), ["type": "null"]]], meaning, required: false)
    return isDescribing ? nil : result
  }

  /// More than anybody writes, and few enough to be read in a moment.
  private static let maximumObjects = 10_000

  /// An array of objects.
  ///
  /// - Parameter fallback: read in the place of a missing key; nil for none.
  public func objects<Result>(
    _ key: String, minimum: Int = 0, default fallback: [JSONValue]? = nil, _ meaning: String,
    _ body: (DocumentReader) -> Result
  ) -> [Result] {
    var items: JSONValue = ["type": "object"]
    if isDescribing { items = Self.schema { _ = body($0) } }
    var schema: JSONObject = ["type": "array", "items": items]
    if minimum > 0 { schema["minItems"] = .integer(minimum) }
    if let fallback { schema["default"] = .array(fallback) }
    declare(key, schema, meaning, required: minimum > 0 && fallback == nil)
    resolved[key] = []
    guard let value = object[key] ?? fallback.map(JSONValue.array) else {
      if minimum > 0 {
        report(key, "is missing; expected an array of at least \(minimum) (\(meaning))")
      }
      return []
    }
    guard let elements = value.arrayValue else {
      report(key, "found \(value.kindDescription), expected an array of objects")
      return []
    }
    if elements.count > Self.maximumObjects {
      report(
        key, "found an array of \(elements.count), expected at most \(Self.maximumObjects) objects")
      return []
    }
    if elements.count < minimum, has(key) {
      report(key, "found an array of \(elements.count), expected at least \(minimum) (\(meaning))")
    }
    var spelled: [JSONValue] = []
    defer { resolved[key] = .array(spelled) }
    return elements.enumerated().compactMap { index, element in
      guard let object = element.objectValue else {
        report("\(key)[\(index)]", "found \(element.kindDescription), expected an object")
        return nil
      }
      let reader = DocumentReader(
        object: object, path: "\(path).\(key)[\(index)]", diagnostics: diagnostics)
      let result = body(reader)
      reader.finish()
      spelled.append(.object(reader.resolved))
      return result
    }
  }

  /// Reads the rest of this object in the way that the word under `key` asks for. Fields that all
  /// cases share are read on this reader before or after.
  ///
  /// - Returns: `nil` after the mistake of an unknown or missing word, and while describing.
  public func variant<Result>(
    _ key: String, of cases: [DocumentVariant<Result>], default fallback: String? = nil,
    _ meaning: String
  ) -> Result? {
    if isDescribing {
      alternatives += cases.map { describe($0, key: key, isDefault: $0.word == fallback, meaning) }
      return nil
    }
    let words = cases.map(\.word)
    let mistakes = diagnostics.found.count
    let word = word(key, of: words, default: fallback, meaning)
    guard diagnostics.found.count == mistakes else {
      acceptsUnknownKeys = true
      return nil
    }
    return cases.first { $0.word == word }!.read(self)
  }

  /// A value that another reader understands (a map of names to numbers, say), uninterpreted.
  public func any(_ key: String, _ meaning: String) -> JSONValue? {
    declare(key, [:], meaning, required: false)
    if let value = object[key] { resolved[key] = value }
    return object[key]
  }

  private func describe<Result>(
    _ variant: DocumentVariant<Result>, key: String, isDefault: Bool, _ meaning: String
  ) -> Alternative {
    let reader = DocumentReader(object: JSONObject(), path: path, diagnostics: diagnostics)
    reader.declare(key, ["const": .string(variant.word)], meaning, required: !isDefault)
    _ = variant.read(reader)
    return Alternative(
      word: variant.word, properties: reader.declared, required: reader.required)
  }

  private func nested<Result>(
    _ key: String, _ value: JSONValue, _ body: (DocumentReader) -> Result
  ) -> (result: Result, schema: JSONObject, needsFields: Bool) {
    if value.objectValue == nil {
      report(key, "found \(value.kindDescription), expected an object")
    }
    // A value of the wrong kind has been reported: its fields are read without a second voice.
    let reader = DocumentReader(
      object: value.objectValue ?? JSONObject(), path: "\(path).\(key)",
      diagnostics: value.objectValue == nil ? Diagnostics() : diagnostics)
    let result = body(reader)
    reader.finish()
    resolved[key] = .object(reader.resolved)
    let needsFields =
      !reader.required.isEmpty
      || (!reader.alternatives.isEmpty && reader.alternatives.allSatisfy { !$0.required.isEmpty })
    return (result, reader.schema.objectValue!, needsFields)
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self.init(elements.map { (key: $0.0, value: $0.1) })
  }
}
