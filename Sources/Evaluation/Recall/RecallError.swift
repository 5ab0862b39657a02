import Documents

/// Why a retrieval task cannot be made at a length.
public struct RecallError: ExitCoded, CustomStringConvertible, Equatable {
  public let task: RecallTask.Kind
  /// Tokens.
  public let length: Int
  public let problem: String
  public let remedy: String

  public var exitCode: ExitCode { .badData }
  public var description: String {
    "recall task \(task.rawValue): a length of \(length) tokens \(problem); \(remedy)"
  }
}
