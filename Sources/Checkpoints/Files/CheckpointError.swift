import Documents

/// What is wrong with a checkpoint: every mistake found, each with its place.
public struct CheckpointError: ExitCoded, Equatable, CustomStringConvertible {
  /// One mistake and its place.
  public struct Problem: Sendable, Equatable, CustomStringConvertible {
    /// Field, tensor or byte offset; empty for the file as a whole.
    public let place: String
    /// What stands there.
    public let found: String
    /// What should stand there; empty where `found` says all.
    public let expected: String

    /// A mistake at a place.
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
  /// Every mistake found, at least one.
  public let problems: [Problem]
  /// What to do; `nil` where the expectation says it.
  public let remedy: String?
  /// 65 for a malformed file, 66 for a missing one, 74 for one that cannot be read.
  public let exitCode: ExitCode

  /// An error of several mistakes.
  public init(
    file: String, problems: [Problem], remedy: String? = nil, exitCode: ExitCode = .badData
  ) {
    self.file = file
    self.problems = problems
    self.remedy = remedy
    self.exitCode = exitCode
  }

  /// An error of one mistake.
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
