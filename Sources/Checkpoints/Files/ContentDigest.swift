import Crypto
import Foundation

/// SHA-256 of files, in hexadecimal as sha256sum prints it.
enum ContentDigest {
  /// Of bytes, hashed in portions so that a mapped file need not fit the memory.
  static func of(_ bytes: UnsafeRawBufferPointer) -> String {
    var hash = SHA256()
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, start + 1 << 24)
      hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
      start = end
    }
    return hexadecimal(hash.finalize())
  }

  /// Of one file its own; of several, that of their names and digests, one a line, sorted by name
  /// (`sha256sum *.safetensors | sha256sum`).
  static func of(_ files: [MappedFile]) -> String {
    if files.count == 1 { return of(files[0].bytes) }
    let lines = files.map { file in
      (name: (file.path as NSString).lastPathComponent, digest: of(file.bytes))
    }.sorted { $0.name < $1.name }.map { "\($0.digest)  \($0.name)\n" }
    return hexadecimal(SHA256.hash(data: Data(lines.joined().utf8)))
  }

  private static func hexadecimal(_ digest: SHA256.Digest) -> String {
    digest.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
  }
}
