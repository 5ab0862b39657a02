import Documents
import Foundation

/// A text that is read whole.
public enum TextFile {
  /// - Throws: `DocumentFile.Failure` when it cannot be read, `InputError` when it is not UTF-8.
  public static func read(_ path: String) throws -> String {
    let descriptor = try InputFile.openOrInherit(path)
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = try InputFile.read(descriptor, path, into: &buffer)
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
