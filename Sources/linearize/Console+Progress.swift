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

  /// For the parts of an evaluation, one after another.
  static func evaluationProgress(quiet: Bool) -> EvaluationProgress {
    var reporter = progress(quiet: quiet)
    return EvaluationProgress(
      begin: { reporter.begin(stage: $0, totalSteps: $1) },
      update: { reporter.update(step: $0, tokens: $1, measures: $2) },
      end: { reporter.end() })
  }

  /// This process's command, as a shell reads it.
  static var commandLine: String {
    (["linearize"] + CommandLine.arguments.dropFirst()).map(quoted).joined(separator: " ")
  }

  private static func quoted(_ argument: String) -> String {
    let isPlain =
      !argument.isEmpty
      && argument.unicodeScalars.allSatisfy {
        $0.properties.isAlphabetic || ("0"..."9").contains($0)
          || "-_./=,:+".unicodeScalars.contains($0)
      }
    return isPlain ? argument : "'" + argument.replacing("'", with: "'\\''") + "'"
  }
}
