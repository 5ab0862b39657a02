import Documents
import Foundation

/// Results go to standard output, everything else to standard error.
enum Console {
  /// To a terminal without what it would obey.
  ///
  /// - Throws: `DocumentFile.Failure` when the output is closed or its disk full: a result that was
  ///   not delivered is a failure.
  static func output(_ text: String) throws {
    let text = isatty(STDOUT_FILENO) == 1 ? TerminalText.visible(text) : text
    try DocumentFile.write(Array(text.utf8), to: STDOUT_FILENO, path: "standard output")
  }

  /// A log that nobody can read is no reason to stop.
  static func log(_ message: String) {
    do {
      try DocumentFile.write(
        Array((TerminalText.visible(message) + "\n").utf8), to: STDERR_FILENO,
        path: "standard error")
    } catch {
      return
    }
  }
}
