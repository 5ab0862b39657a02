import Documents

/// Why a checkpoint is not a model that can be run here.
public struct ModelError: Error, ExitCoded, CustomStringConvertible {
  /// The checkpoint, as the user named it.
  public let location: String
  /// One line a problem.
  public let problems: [String]

  /// All problems of one checkpoint.
  public init(location: String, problems: [String]) {
    self.location = location
    self.problems = problems
  }

  public var exitCode: ExitCode { .badData }

  public var description: String {
    problems.count == 1
      ? "\(location): \(problems[0])"
      : "\(location): \(problems.count) problems\n"
        + problems.map { "  - \($0)" }.joined(separator: "\n")
  }
}
