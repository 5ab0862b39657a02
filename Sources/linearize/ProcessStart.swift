import Checkpoints
import Documents
import Foundation
import TensorCore

/// What a process needs before it does anything: the surroundings it was started in may be such
/// that it would write into the wrong file, die without a word, or hang.
enum ProcessStart {
  /// - Throws: `DocumentFile.Failure`, `EnvironmentMistake`.
  static func prepare() throws {
    try openStandardDescriptors()
    // A reader that closes the pipe, and a file at its limit, are errors of the write, not the end
    // of a training run.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    MappingFaults.report()
    if let mistake = WorkerPool.mistakeInEnvironment {
      throw EnvironmentMistake(message: mistake, exitCode: .usage)
    }
  }

  /// Started with one of them closed, the first file to be opened would take its number, and what is
  /// meant for the terminal would go into that file.
  private static func openStandardDescriptors() throws {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      if open("/dev/null", O_RDWR) < 0 {
        throw DocumentFile.Failure(path: "/dev/null", operation: "open it", errorNumber: errno)
      }
    }
  }
}

/// A process that cannot do its work where it was started.
struct EnvironmentMistake: ExitCoded, CustomStringConvertible {
  let message: String
  let exitCode: ExitCode

  var description: String { message }
}
