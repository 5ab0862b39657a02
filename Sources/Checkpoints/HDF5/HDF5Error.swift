import CHDF5
import Documents
import Foundation

/// What the HDF5 library refused, or what stands in a file where something else was expected.
public struct HDF5Error: ExitCoded, Equatable, CustomStringConvertible {
  /// The file as it was named.
  public let file: String
  /// The dataset, group or attribute concerned; `nil` when it is the file as a whole.
  public let object: String?
  /// What was attempted, as it follows "cannot": `"read rows 0..<4"`.
  public let operation: String
  /// The library's message, or what was found and what was expected.
  public let detail: String
  /// 65 for content that was not expected, 66 for a missing file, 74 where reading or writing
  /// failed.
  public let exitCode: ExitCode

  init(
    file: String, object: String? = nil, operation: String, detail: String, exitCode: ExitCode
  ) {
    self.file = file
    self.object = object
    self.operation = operation
    self.detail = detail
    self.exitCode = exitCode
  }

  public var description: String {
    "\(file): \(object.map { "\($0): " } ?? "")cannot \(operation): \(detail)"
  }
}

extension HDF5Error {
  /// The innermost and the outermost message of the library's error stack of this thread: the
  /// first says what happened (an errno, a checksum), the second to what.
  static func libraryMessage() -> String {
    let messages = stack()
    guard let outermost = messages.first, let innermost = messages.last else {
      return "the HDF5 library gives no reason"
    }
    return outermost == innermost ? tidied(innermost) : "\(tidied(outermost)): \(tidied(innermost))"
  }

  /// Whether it was a call of the system that failed: that says nothing of what the file holds.
  static func isOfTheSystem() -> Bool { stack().contains { $0.contains("errno = ") } }

  /// All messages of this thread's error stack, outermost first.
  private static func stack() -> [String] {
    var messages: [String] = []
    withUnsafeMutablePointer(to: &messages) { messages in
      _ = H5Ewalk2(
        hid_t(H5E_DEFAULT), H5E_WALK_DOWNWARD,
        { _, error, messages in
          if let text = error?.pointee.desc {
            messages?.assumingMemoryBound(to: [String].self).pointee.append(String(cString: text))
          }
          return 0
        }, UnsafeMutableRawPointer(messages))
    }
    return messages
  }

  /// One line without clock, descriptor and addresses, which the library adds to the system's word:
  /// `file write failed: time = …, errno = 28, error message = 'No space left on device', buf = …`.
  static func tidied(_ message: String) -> String {
    let reasonMark = "error message = '"
    guard let mark = message.range(of: reasonMark), let colon = message.firstIndex(of: ":") else {
      return message.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
    let reason = message[mark.upperBound...].prefix { $0 != "'" }
    return "\(message[..<colon]): \(reason)"
  }
}
