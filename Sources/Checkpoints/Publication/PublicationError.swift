import Documents
import Foundation

/// Why something could not be published, or what was published cannot be trusted.
public struct PublicationError: ExitCoded, Equatable, CustomStringConvertible {
  /// The file or folder concerned.
  public let path: String
  /// What failed and why, as it follows the path.
  public let message: String
  /// 65 for damage, 66 for what is missing, 74 where the system refused.
  public let exitCode: ExitCode

  init(path: String, message: String, exitCode: ExitCode) {
    self.path = path
    self.message = message
    self.exitCode = exitCode
  }

  /// A call of the system that failed.
  ///
  /// - Parameter operation: as it follows "cannot".
  init(path: String, operation: String, errorNumber: Int32) {
    let reason = String(cString: strerror(errorNumber))
    let remedy =
      switch errorNumber {
      case ENOSPC, EDQUOT, EFBIG: "; free space there or choose another folder"
      case EACCES, EPERM, EROFS: "; choose a folder that can be written"
      default: ""
      }
    self.init(
      path: path, message: "cannot \(operation): \(reason)\(remedy)",
      exitCode: errorNumber == ENOENT ? .missingInput : .inputOutput)
  }

  public var description: String { "\(path): \(message)" }
}
