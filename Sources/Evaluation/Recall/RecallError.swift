import Documents

/// Why a retrieval task cannot be made at a length.
public struct RecallError: ExitCoded, CustomStringConvertible, Equatable {
  /// What was to be made.
  public let task: RecallTask.Kind
  /// Tokens.
  public let length: Int
  /// Why it cannot be, as it follows the length: `is too short for a pair`.
  public let problem: String
  /// What to do.
  public let remedy: String

  public var exitCode: ExitCode { .badData }
  public var description: String {
    "recall task \(task.rawValue): a length of \(length) tokens \(problem); \(remedy)"
  }
}
