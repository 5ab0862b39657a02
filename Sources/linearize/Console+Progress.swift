import Documents
import Foundation
import Pipeline

extension Console {
  /// To standard error as it is, without a line's end: for lines that are redrawn.
  static func write(_ text: String) {
    do {
      try DocumentFile.write(Array(text.utf8), to: STDERR_FILENO, path: "standard error")
    } catch {
      return
    }
  }

  static func progress(quiet: Bool) -> ProgressReporter {
    .standardError(
      quiet: quiet, environment: ProcessInfo.processInfo.environment, write: Console.write)
  }
}
