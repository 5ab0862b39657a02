import Documents
import Foundation

@testable import Evaluation

/// A folder of its own for one test's task and data files.
final class TaskFiles {
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "tasks-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  /// Nothing that a test could still fail for.
  deinit { do { try FileManager.default.removeItem(at: folder) } catch {} }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  func write(_ text: String, to name: String) throws -> String {
    try Data(text.utf8).write(to: folder.appendingPathComponent(name))
    return path(name)
  }

  /// What loading and rendering say, with the folder's name left out.
  func failure(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch {
      let code = (error as? any ExitCoded).map { " [\($0.exitCode)]" } ?? ""
      return "\(error)".replacingOccurrences(of: folder.path + "/", with: "") + code
    }
  }

  /// The mistake of rows that stand in `rows.jsonl`.
  func failure(ofRows rows: String, shots: Int? = nil) throws -> String {
    let path = try write(rows, to: "rows.jsonl")
    return failure { _ = try EvaluationTask.load(path, shots: shots).samples() }
  }

  /// The mistake of a task file over rows that stand beside it.
  func failure(ofTask task: String, rows: String = "{\"a\": \"x\", \"n\": 1}\n") throws -> String {
    _ = try write(rows, to: "rows.jsonl")
    let path = try write(task, to: "task.json")
    return failure { _ = try EvaluationTask.load(path).samples() }
  }
}
