import Checkpoints
import Documents
import Foundation

/// Writes token ids as one flat JSON list, in portions and atomically.
public enum TokenWriter {
  private static let idsAtATime = 1 << 16

  /// - Throws: `DocumentFile.Failure`, `CheckpointError`; the file is then as it was.
  public static func write(_ tokens: [Int32], to path: String) throws {
    try AtomicFile.publish(
      to: path,
      write: { temporary in
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        if descriptor < 0 {
          throw DocumentFile.Failure(
            path: path, operation: "create a file beside it", errorNumber: errno)
        }
        defer { close(descriptor) }
        try DocumentFile.write(Array("[".utf8), to: descriptor, path: path)
        for start in stride(from: 0, to: tokens.count, by: idsAtATime) {
          let ids = tokens[start..<min(tokens.count, start + idsAtATime)]
          let text = (start == 0 ? "" : ", ") + ids.map(String.init).joined(separator: ", ")
          try DocumentFile.write(Array(text.utf8), to: descriptor, path: path)
        }
        try DocumentFile.write(Array("]\n".utf8), to: descriptor, path: path)
      }, verify: { _ in })
  }
}
