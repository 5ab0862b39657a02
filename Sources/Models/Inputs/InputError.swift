import Documents

/// A file given to a command that does not hold what it should.
public struct InputError: ExitCoded, Equatable, CustomStringConvertible {
  /// The file, as the user named it.
  public let path: String
  /// JSON path or byte offset; nil for the file as a whole.
  public let place: String?
  /// What was found and what was expected.
  public let reason: String

  /// What is wrong with a file, and where in it.
  public init(_ path: String, _ place: String? = nil, _ reason: String) {
    self.path = path
    self.place = place
    self.reason = reason
  }

  public var exitCode: ExitCode { .badData }
  public var description: String { "\(path)\(place.map { ", \($0)" } ?? ""): \(reason)" }
}
