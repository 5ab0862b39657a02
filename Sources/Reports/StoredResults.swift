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
  private func optional<Value>(_ key: String, _ kind: JSONKind<Value>) throws -> Value? {
    switch object.member(key, kind) {
    case .value(let value): return value
    case .missing: return nil
    case .mistaken: throw error(key, kind.expected)
    }
  }

  private func required<Value>(_ key: String, _ kind: JSONKind<Value>) throws -> Value {
    guard let value = try optional(key, kind) else { throw error(key, kind.expected) }
    return value
  }

  func optionalNumber(_ key: String) throws -> Double? { try optional(key, .number()) }

  /// Null is what a number that is none was written as.
  func number(_ key: String) throws -> Double {
    if object[key] == nil { throw error(key, "a number") }
    return try optionalNumber(key) ?? .nan
  }

  func optionalInteger(_ key: String) throws -> Int? { try optional(key, .integer()) }

  func integer(_ key: String) throws -> Int { try required(key, .integer()) }

  /// Counts that other numbers are divided by or indexed with.
  func count(_ key: String) throws -> Int { try required(key, .integer(in: 0...Int.max)) }

  func optionalText(_ key: String) throws -> String? { try optional(key, .string) }

  func text(_ key: String) throws -> String { try required(key, .string) }

  /// A case of an enumeration by its word.
  func word<Word: RawRepresentable & CaseIterable>(_ key: String) throws -> Word
  where Word.RawValue == String {
    let words = Word.allCases.map(\.rawValue)
    let kind = JSONKind.word(of: words).described(as: words.joined(separator: " or "))
    return Word(rawValue: try required(key, kind))!
  }

  func flag(_ key: String) throws -> Bool { try required(key, .boolean) }

  func optionalReader(_ key: String) throws -> ResultsReader? {
    try optional(key, .object).map {
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
    try required(key, .array).enumerated().map { index, element in
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
    try list(key, of: .number(), "an array of numbers", allowsNull: true)
  }

  func counts(_ key: String) throws -> [Int] {
    try list(key, of: .integer(in: 0...Int.max), "an array of integers of at least 0")
      .compactMap { $0 }
  }

  func texts(_ key: String) throws -> [String] {
    try list(key, of: .string, "an array of strings").compactMap { $0 }
  }

  /// - Parameter expected: what is said where an element is of another kind.
  private func list<Element>(
    _ key: String, of kind: JSONKind<Element>, _ expected: String, allowsNull: Bool = false
  ) throws -> [Element?] {
    try required(key, .array.described(as: expected)).map { element in
      if allowsNull, element.isNull { return nil }
      guard let value = kind.value(of: element) else { throw error(key, expected) }
      return value
    }
  }
}
