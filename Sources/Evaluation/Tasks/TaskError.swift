import Corpus
import Documents

/// Why a task cannot be scored. Nothing is skipped or guessed in its place.
public struct TaskError: ExitCoded, Equatable, CustomStringConvertible {
  /// At most this many bad rows are reported at once.
  static let reportedRows = 20

  public let exitCode: ExitCode
  public let description: String

  /// An error of malformed rows or of a malformed task file, with status 65.
  public static func badData(_ message: String) -> TaskError {
    TaskError(exitCode: .badData, description: message)
  }

  static func usage(_ message: String) -> TaskError {
    TaskError(exitCode: .usage, description: message)
  }

  /// Mistakes of a task file, each with its JSON path.
  static func mistaken(_ path: String, _ error: DocumentError) -> TaskError {
    let count = error.count
    let lines = error.lines.map { "\n  \($0)" }.joined()
    return .badData("\(path): \(count) \(count == 1 ? "mistake" : "mistakes")\(lines)")
  }
}

/// What is wrong with one row, before its place is known.
struct RowMistake: Error {
  let message: String

  init(_ message: String) { self.message = message }
}

/// Collects bad rows, so that a user sees them together.
struct BadRows {
  let path: String
  private var found: [String] = []

  init(path: String) { self.path = path }

  /// Runs `body` for a row; its mistake is kept and `nil` returned.
  ///
  /// - Throws: `TaskError` after so many bad rows that more would not help.
  mutating func row<Result>(line: Int, _ body: () throws -> Result) throws -> Result? {
    do {
      return try body()
    } catch let mistake as RowMistake {
      found.append("\(path), line \(line): \(mistake.message)")
    } catch let error as ChatTemplateError {
      found.append("\(path), line \(line): \(error.location): \(error.message)")
    }
    if found.count == TaskError.reportedRows {
      found.append("reading stopped after \(TaskError.reportedRows) bad rows")
      try throwIfAny()
    }
    return nil
  }

  func throwIfAny() throws {
    if !found.isEmpty { throw TaskError.badData(found.joined(separator: "\n")) }
  }
}
