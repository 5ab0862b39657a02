import Documents

/// What is wrong with a checkpoint: every mistake found, each with its place.
public struct CheckpointError: ExitCoded, Equatable, CustomStringConvertible {
  public struct Problem: Sendable, Equatable, CustomStringConvertible {
    /// Field, tensor or byte offset; empty for the file as a whole.
    public let place: String
    public let found: String
    public let expected: String

    public init(_ place: String, found: String, expected: String) {
      self.place = place
      self.found = found
      self.expected = expected
    }

    public var description: String {
      let text = expected.isEmpty ? "found \(found)" : "found \(found), expected \(expected)"
      return place.isEmpty ? text : "\(place): \(text)"
    }
  }

  /// File or folder, as the user named it.
  public let file: String
  public let problems: [Problem]
  /// What to do; `nil` where the expectation says it.
  public let remedy: String?
  public let exitCode: ExitCode

  public init(
    file: String, problems: [Problem], remedy: String? = nil, exitCode: ExitCode = .badData
  ) {
    self.file = file
    self.problems = problems
    self.remedy = remedy
    self.exitCode = exitCode
  }

  public init(
    _ file: String, _ place: String, found: String, expected: String, remedy: String? = nil,
    exitCode: ExitCode = .badData
  ) {
    self.init(
      file: file, problems: [Problem(place, found: found, expected: expected)], remedy: remedy,
      exitCode: exitCode)
  }

  /// One line for one problem; otherwise a heading and a line for each.
  public var description: String {
    let advice = remedy.map { "; \($0)" } ?? ""
    if problems.count == 1 { return "\(file): \(problems[0])\(advice)" }
    let lines = problems.map { "\n  \($0)" }.joined()
    return "\(file): \(problems.count) problems\(advice)\(lines)"
  }
}
