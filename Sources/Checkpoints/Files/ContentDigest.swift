import Crypto
import Documents
import Foundation

extension Digest {
  /// Of one file its own; of several, that of their digests and names, one a line, sorted by name
  /// (`sha256sum *.safetensors | sha256sum`).
  static func sha256(of files: [MappedFile]) -> String {
    if files.count == 1 { return sha256(of: files[0].bytes) }
    let lines = files.map { file in
      (name: FilePath.name(of: file.path), digest: sha256(of: file.bytes))
    }.sorted { $0.name < $1.name }.map { "\($0.digest)  \($0.name)\n" }
    return sha256(of: lines.joined())
  }

  /// In portions, so that a mapped file need not fit the memory.
  private static func sha256(of bytes: UnsafeRawBufferPointer) -> String {
    var hash = SHA256()
    for start in stride(from: 0, to: bytes.count, by: 1 << 24) {
      let end = min(bytes.count, start + 1 << 24)
      hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
    }
    return hexadecimal(hash.finalize())
  }
}
