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

  /// At most ten lines, whatever the problems: of hundreds the first ones tell what is wrong.
  public var description: String {
    if problems.count == 1 { return "\(location): \(problems[0])" }
    let shown = problems.count <= 9 ? problems.count : 8
    let rest = problems.count - shown
    return "\(location): \(problems.count) problems\n"
      + (problems.prefix(shown).map { "  - \($0)" } + (rest > 0 ? ["  - and \(rest) more"] : []))
      .joined(separator: "\n")
  }
}
