/// SHA-256 in hexadecimal, as sha256sum prints it.
public enum Digest {
  /// Reads the file once, in portions.
  ///
  /// - Throws: `PublicationError`: 66 when there is no such file, 74 when it cannot be read.
  public static func sha256(ofFile path: String) throws(PublicationError) -> String {
    var hash = SHA256()
    try FileSystem.read(path) { hash.update($0) }
    return hash.hexadecimal
  }

  /// SHA-256 of a text's UTF-8, 64 hexadecimal digits.
  public static func sha256(of text: String) -> String {
    var hash = SHA256()
    hash.update(Array(text.utf8))
    return hash.hexadecimal
  }
}

/// SHA-256 of lists of numbers, of the bytes that they have in memory.
public struct NumberDigest {
  private var hash = SHA256()

  /// Of nothing yet.
  public init() {}

  /// Goes on with these numbers.
  public mutating func update(_ numbers: [some FixedWidthInteger & BitwiseCopyable]) {
    numbers.withUnsafeBytes { hash.update($0) }
  }

  /// Of all numbers so far, in hexadecimal.
  public var sha256: String { hash.hexadecimal }
}
