import Crypto
import Foundation

/// SHA-256 in hexadecimal, as sha256sum prints it.
public enum Digest {
  /// Reads the file once, in portions.
  ///
  /// - Throws: `PublicationError`: 66 when there is no such file, 74 when it cannot be read.
  public static func sha256(ofFile path: String) throws(PublicationError) -> String {
    var hash = SHA256()
    try FileSystem.read(path) { hash.update(bufferPointer: $0) }
    return hexadecimal(hash.finalize())
  }

  /// SHA-256 of a text's UTF-8, 64 hexadecimal digits.
  public static func sha256(of text: String) -> String {
    hexadecimal(SHA256.hash(data: Data(text.utf8)))
  }

  /// Of bytes in portions.
  ///
  /// - Parameter body: calls its argument with every portion, in order.
  public static func sha256(
    _ body: ((UnsafeRawBufferPointer) -> Void) throws -> Void
  ) rethrows -> String {
    var hash = SHA256()
    try body { hash.update(bufferPointer: $0) }
    return hexadecimal(hash.finalize())
  }

  static func hexadecimal(_ digest: SHA256.Digest) -> String {
    digest.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
  }
}
