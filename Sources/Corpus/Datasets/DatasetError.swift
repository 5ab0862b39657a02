import Documents
import Foundation

/// Why data cannot be used.
public struct DatasetError: ExitCoded, Equatable, CustomStringConvertible {
  /// At most this many bad lines are reported at once.
  static let reportedLines = 20

  /// 65 for malformed data, 66 for a missing file, 74 for one that cannot be read.
  public let exitCode: ExitCode
  /// File, place, what was found and what was expected.
  public let description: String

  /// An error of malformed data, with status 65.
  public static func badData(_ message: String) -> DatasetError {
    DatasetError(exitCode: .badData, description: message)
  }

  /// A file that cannot be read, or is none.
  init(_ failure: DocumentFile.Failure) {
    self.init(exitCode: failure.exitCode, description: failure.description)
  }

  init(exitCode: ExitCode, description: String) {
    self.exitCode = exitCode
    self.description = description
  }

  static func cannot(_ operation: String, _ path: String, _ errorNumber: Int32) -> DatasetError {
    DatasetError(
      exitCode: errorNumber == ENOENT ? .missingInput : .inputOutput,
      description: "\(path): cannot \(operation): \(String(cString: strerror(errorNumber)))")
  }
}

/// What is wrong with one line, before its place is known.
struct LineMistake: Error {
  let message: String
}

/// Collects bad lines, so that a user sees them together.
struct BadLines {
  private var found: [String] = []

  mutating func report(_ path: String, line: Int, _ message: String) throws {
    found.append("\(path), line \(line): \(message)")
    if found.count == DatasetError.reportedLines {
      found.append("reading stopped after \(DatasetError.reportedLines) bad lines")
      try throwIfAny()
    }
  }

  func throwIfAny() throws {
    if !found.isEmpty { throw DatasetError.badData(found.joined(separator: "\n")) }
  }
}
