import Foundation

/// The process's exit status that an error leads to, after sysexits.h.
public enum ExitCode: Int32, Sendable {
  case success = 0
  /// A threshold of the recipe was missed; everything else went well.
  case thresholdMissed = 1
  case usage = 64
  /// An input is malformed, truncated or does not fit the others.
  case badData = 65
  case missingInput = 66
  case internalError = 70
  case inputOutput = 74
  /// Stopped by a signal after saving: the same command resumes.
  case preempted = 75
  case recipe = 78
}

/// An error that knows the exit status it leads to.
public protocol ExitCoded: Error {
  /// The process's exit status that this error leads to.
  var exitCode: ExitCode { get }
}

/// An error of Foundation's that a call of the system caused, as it ends a process.
public struct SystemFailure: ExitCoded, CustomStringConvertible {
  public let description: String
  public let exitCode: ExitCode

  /// - Returns: nil for an error that no call of the system caused.
  public init?(_ error: any Error) {
    let error = error as NSError
    let cause = (error.userInfo[NSUnderlyingErrorKey] as? NSError) ?? error
    guard cause.domain == NSPOSIXErrorDomain else { return nil }
    let path = error.userInfo[NSFilePathErrorKey].map { "\($0): " } ?? ""
    description = path + String(cString: strerror(Int32(cause.code)))
    exitCode = cause.code == Int(ENOENT) ? .missingInput : .inputOutput
  }
}

extension JSONError: ExitCoded { public var exitCode: ExitCode { .badData } }
extension DocumentError: ExitCoded { public var exitCode: ExitCode { .recipe } }
