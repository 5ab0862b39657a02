import Documents
import Results

/// A `results.json` read back: for a baseline, for comparisons, for another rendering.
///
/// A file that lm-eval wrote itself is understood too: its tasks then stand for a model of its own,
/// the teacher's row, without samples' hashes.
public struct StoredResults: Sendable {
  /// As the user named it.
  public let path: String
  /// What the file says.
  public let report: EvaluationReport
  /// Whether lm-eval wrote it, so that everything but tasks is missing.
  public let isForeign: Bool

  /// - Parameter path: for messages; the file is not opened.
  /// - Throws: `ResultsError` for a document of another shape.
  public init(_ document: JSONValue, path: String) throws {
    self.path = path
    let reader = ResultsReader(document, file: path)
    if document["linearize"] == nil {
      isForeign = true
      report = try reader.foreignReport()
    } else {
      isForeign = false
      report = try reader.report()
    }
  }

  /// - Throws: `DocumentFile.Failure`, `DocumentFile.Malformed`, `ResultsError`.
  public init(contentsOf path: String) throws {
    try self.init(DocumentFile(path).read(), path: path)
  }

  /// A name for tables: the student's, the teacher's or the title.
  public var name: String { report.studentName ?? report.teacherName ?? report.title }
}

/// A results file that is none, or that does not fit.
public struct ResultsError: ExitCoded, Equatable, CustomStringConvertible {
  /// The file as it was named.
  public let file: String
  /// JSON path of the place, when there is one.
  public let place: String?
  /// What was found and what was expected.
  public let message: String

  /// What is wrong with a file, and where in it.
  public init(_ file: String, _ place: String? = nil, _ message: String) {
    self.file = file
    self.place = place
    self.message = message
  }

  public var exitCode: ExitCode { .badData }
  public var description: String {
    (place.map { "\(file): \($0): " } ?? "\(file): ") + message
  }
}

/// One object of a results file. Unknown members are left alone: a later version may write more.
struct ResultsReader {
  let object: JSONObject
  let file: String
  let place: String

  private init(object: JSONObject, file: String, place: String) {
    self.object = object
    self.file = file
    self.place = place
  }

  /// A document that is no object reads as an empty one, which misses what is required.
  init(_ document: JSONValue, file: String) {
    self.init(object: document.objectValue ?? JSONObject(), file: file, place: "$")
  }

  func error(_ key: String, _ expected: String) -> ResultsError {
    let found = object[key].map { "found \($0.kindDescription)" } ?? "is missing"
    return ResultsError(
      file, "\(place).\(key)",
      "\(found), expected \(expected); give a results.json that linearize evaluate wrote")
  }

  /// `nil` for a missing member and for null.
  private func optional<Value>(
    _ key: String, _ expected: String, _ read: (JSONValue) -> Value?
  ) throws -> Value? {
    guard let value = object[key], !value.isNull else { return nil }
    guard let result = read(value) else { throw error(key, expected) }
    return result
  }

  private func required<Value>(
    _ key: String, _ expected: String, _ read: (JSONValue) -> Value?
  ) throws -> Value {
    guard let result = try optional(key, expected, read) else { throw error(key, expected) }
    return result
  }

  func optionalNumber(_ key: String) throws -> Double? {
    try optional(key, "a number", \.doubleValue)
  }

  /// Null is what a number that is none was written as.
  func number(_ key: String) throws -> Double {
    if object[key] == nil { throw error(key, "a number") }
    return try optionalNumber(key) ?? .nan
  }

  func optionalInteger(_ key: String) throws -> Int? {
    try optional(key, "an integer", \.intValue)
  }

  func integer(_ key: String) throws -> Int { try required(key, "an integer", \.intValue) }

  /// Counts that other numbers are divided by or indexed with.
  func count(_ key: String) throws -> Int {
    try required(key, "an integer of at least 0") { value in
      value.intValue.flatMap { $0 >= 0 ? $0 : nil }
    }
  }

  func optionalText(_ key: String) throws -> String? {
    try optional(key, "a string", \.stringValue)
  }

  func text(_ key: String) throws -> String { try required(key, "a string", \.stringValue) }

  /// A case of an enumeration by its word.
  func word<Word: RawRepresentable & CaseIterable>(_ key: String) throws -> Word
  where Word.RawValue == String {
    try required(key, Word.allCases.map(\.rawValue).joined(separator: " or ")) {
      $0.stringValue.flatMap(Word.init)
    }
  }

  func flag(_ key: String) throws -> Bool { try required(key, "true or false", \.boolValue) }

  func optionalReader(_ key: String) throws -> ResultsReader? {
    try optional(key, "an object", \.objectValue).map {
      ResultsReader(object: $0, file: file, place: "\(place).\(key)")
    }
  }

  func reader(_ key: String) throws -> ResultsReader {
    guard let reader = try optionalReader(key) else { throw error(key, "an object") }
    return reader
  }

  /// Readers of an object's members, in order.
  func members<Result>(
    _ key: String, _ read: (_ name: String, ResultsReader) throws -> Result
  ) throws -> [Result] {
    let inner = try reader(key)
    return try inner.object.keys.map { try read($0, inner.reader($0)) }
  }

  /// Readers of an array's elements, all objects.
  func elements<Result>(_ key: String, _ read: (ResultsReader) throws -> Result) throws -> [Result]
  {
    try required(key, "an array", \.arrayValue).enumerated().map { index, element in
      guard let object = element.objectValue else {
        throw ResultsError(
          file, "\(place).\(key)[\(index)]",
          "found \(element.kindDescription), expected an object")
      }
      return try read(
        ResultsReader(object: object, file: file, place: "\(place).\(key)[\(index)]"))
    }
  }

  /// Numbers, with nil for null.
  func numbers(_ key: String) throws -> [Double?] {
    try required(key, "an array of numbers") { value in
      guard let array = value.arrayValue else { return nil }
      let numbers = array.map(\.doubleValue)
      return zip(array, numbers).allSatisfy { $0.isNull || $1 != nil } ? numbers : nil
    }
  }

  func counts(_ key: String) throws -> [Int] {
    try required(key, "an array of integers of at least 0") { value in
      guard let array = value.arrayValue else { return nil }
      let integers = array.compactMap(\.intValue)
      return integers.count == array.count && integers.allSatisfy { $0 >= 0 } ? integers : nil
    }
  }

  func texts(_ key: String) throws -> [String] {
    try required(key, "an array of strings") { value in
      guard let array = value.arrayValue else { return nil }
      let texts = array.compactMap(\.stringValue)
      return texts.count == array.count ? texts : nil
    }
  }
}
