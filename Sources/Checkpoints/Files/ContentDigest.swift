import Documents
import Foundation

extension Digest {
  /// Of one file its own; of several, that of their digests and names, one a line, sorted by name
  /// (`sha256sum *.safetensors | sha256sum`).
  static func sha256(of files: [MappedFile]) -> String {
    if files.count == 1 { return sha256(of: files[0]) }
    let lines = files.map { file in
      (name: FilePath.name(of: file.path), digest: sha256(of: file))
    }.sorted { $0.name < $1.name }.map { "\($0.digest)  \($0.name)\n" }
    return sha256(of: lines.joined())
  }

  /// In portions that are let go, so that the file need not fit the memory.
  private static func sha256(of file: MappedFile) -> String {
    var hash = SHA256()
    for start in stride(from: 0, to: file.bytes.count, by: 1 << 24) {
      let end = min(file.bytes.count, start + 1 << 24)
      let portion = UnsafeRawBufferPointer(rebasing: file.bytes[start..<end])
      hash.update(portion)
      file.release(portion)
    }
    return hash.hexadecimal
  }
}
