import Corpus
import Documents
import Foundation

/// A task of lm-eval: rows of data, and how they become contexts and continuations to be scored.
///
/// Read from a task file, or made for a JSONL of llm-foundry's form, which is then scored as a file
/// with lm-eval's `doc_to_text: "{{query}}"`, `doc_to_choice: "{{choices}}"` and
/// `doc_to_target: "{{gold}}"` would be; rows of context and continuation are joined by a space.
public struct EvaluationTask: Sendable {
  /// What results call the task.
  public let name: String
  /// The task file or the JSONL, as the user named it.
  public let location: String
  /// The JSONL file of its samples.
  public let dataPath: String
  /// The task file with every default spelled out.
  public let configuration: JSONValue
  let specification: TaskSpecification
  let rows: [JSONLines.Row]
  /// Rows that solved samples are taken from, in order.
  let shotRows: [JSONLines.Row]
  let shotDataPath: String

  /// Samples of the data file.
  public var availableSamples: Int { rows.count }
  /// Solved samples before every context.
  public var shots: Int { specification.shots }
  /// lm-eval's version of the task.
  public var version: Double { specification.version }
  /// What is computed of the samples, in lm-eval's order.
  public var metrics: [TaskMetric] { specification.metrics }
  /// The whole text is scored in windows as long as the model allows, as perplexity is.
  public var isRolling: Bool {
    if case .rolling = specification.form { true } else { false }
  }

  /// JSON Schema of a task file.
  public static var schema: JSONValue { TaskSpecification.schema }

  /// Reads a task and its data.
  ///
  /// - Parameters:
  ///   - path: a task file (`.json`), or rows of llm-foundry's form (`.jsonl`).
  ///   - dataOverride: JSONL to be read instead of the one that the task file names, or a folder
  ///     in which its files lie instead of beside it.
  ///   - shots: solved samples before each context, instead of the task file's number.
  /// - Throws: `TaskError`, `DatasetError`, `DocumentFile.Failure`, `DocumentFile.Malformed`.
  public static func load(
    _ path: String, dataOverride: String? = nil, shots: Int? = nil
  ) throws -> EvaluationTask {
    if path.hasSuffix(".jsonl") {
      if let dataOverride {
        throw TaskError.usage(
          "\(path) is data itself, so \(dataOverride) cannot take its place; name one of them")
      }
      let rows = try JSONLines.read(path)
      let document = try RowForm.document(of: rows, path: path)
      return try EvaluationTask(
        document, location: path, dataPath: path, rows: rows, shots: shots)
    }
    guard path.hasSuffix(".json") else {
      throw TaskError.usage(
        "\(path): expected a task file that ends in .json, or rows that end in .jsonl")
    }
    let document = try DocumentFile(path).read()
    return try EvaluationTask(
      document, location: path, dataPath: dataOverride, rows: nil, shots: shots)
  }

  private init(
    _ document: JSONValue, location: String, dataPath: String?, rows: [JSONLines.Row]?, shots: Int?
  ) throws {
    var document = document
    if let shots, var object = document.objectValue {
      object["shots"] = .integer(shots)
      document = .object(object)
    }
    do throws(DocumentError) {
      (specification, configuration) = try TaskSpecification.read(document, location: location)
    } catch {
      throw TaskError.mistaken(location, error)
    }
    name = specification.name
    self.location = location
    let isFolder = dataPath.map(FilePath.isFolder) ?? false
    let folder = isFolder ? dataPath! : FilePath.folder(of: location)
    self.dataPath =
      isFolder || dataPath == nil ? FilePath.resolve(specification.data, in: folder) : dataPath!
    self.rows = try rows ?? JSONLines.read(self.dataPath)
    if self.rows.isEmpty {
      throw TaskError.badData("\(self.dataPath): no rows; expected one JSON object a line")
    }
    shotDataPath =
      specification.shotData.map { FilePath.resolve($0, in: folder) } ?? self.dataPath
    shotRows =
      specification.shots > 0 && specification.shotData != nil
      ? try JSONLines.read(shotDataPath) : self.rows
  }
}

/// The forms of rows that need no task file: llm-foundry's.
private enum RowForm {
  /// What a task file for the rows would say.
  ///
  /// - Throws: `TaskError` when the first row is of no known form.
  static func document(of rows: [JSONLines.Row], path: String) throws -> JSONValue {
    let name = String(FilePath.name(of: path).dropLast(".jsonl".count))
    guard let first = rows.first else {
      throw TaskError.badData("\(path): no rows; expected one JSON object a line")
    }
    let keys = first.object.keys
    if ["query", "choices", "gold"].allSatisfy(keys.contains) {
      return [
        "name": .string(name), "kind": "multiple-choice", "data": .string(path),
        "context": "{{query}}", "choices": "{{choices}}", "answer": "{{gold}}",
      ]
    }
    if ["context", "continuation"].allSatisfy(keys.contains) {
      return [
        "name": .string(name), "kind": "continuation", "data": .string(path),
        "context": "{{context}}", "continuation": "{{' ' + continuation}}",
      ]
    }
    throw TaskError.badData(
      "\(path), line \(first.line): found the fields \(keys.joined(separator: ", ")); expected "
        + "query, choices and gold, or context and continuation; other rows need a task file "
        + "that says where context, choices and answer stand")
  }
}
