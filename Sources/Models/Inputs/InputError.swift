import Documents

/// A file given to a command that does not hold what it should.
public struct InputError: ExitCoded, Equatable, CustomStringConvertible {
  public let path: String
  /// JSON path or byte offset; nil for the file as a whole.
  public let place: String?
  public let reason: String

  public init(_ path: String, _ place: String? = nil, _ reason: String) {
    self.path = path
    self.place = place
    self.reason = reason
  }

  public var exitCode: ExitCode { .badData }
  public var description: String { "\(path)\(place.map { ", \($0)" } ?? ""): \(reason)" }
}
