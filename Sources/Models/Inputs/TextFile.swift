import Documents
import Foundation

/// A text that is read whole.
public enum TextFile {
  /// - Throws: `DocumentFile.Failure` when it cannot be read, `InputError` when it is not UTF-8.
  public static func read(_ path: String) throws -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw failure(path, "open it") }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = Foundation.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw failure(path, "read it") }
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw InputError(
        path, "byte \(firstInvalidByte(bytes))",
        "is not UTF-8; convert the text, for example with iconv")
    }
    return text
  }

  private static func failure(_ path: String, _ operation: String) -> DocumentFile.Failure {
    DocumentFile.Failure(path: path, operation: operation, errorNumber: errno)
  }

  private static func firstInvalidByte(_ bytes: [UInt8]) -> Int {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var offset = 0
    while case .scalarValue(let scalar) = decoder.decode(&iterator) {
      offset += UTF8.width(scalar)
    }
    return offset
  }
}
