import Checkpoints
import Documents

/// Writes token ids as one flat JSON list, in portions and atomically.
public enum TokenWriter {
  private static let idsAtATime = 1 << 16

  /// - Throws: `DocumentFile.Failure`, `CheckpointError`; the file is then as it was.
  public static func write(_ tokens: [Int32], to path: String) throws {
    try AtomicFile.publish(
      to: path,
      appending: { append in
        try append(Array("[".utf8))
        for start in stride(from: 0, to: tokens.count, by: idsAtATime) {
          let ids = tokens[start..<min(tokens.count, start + idsAtATime)]
          let text = (start == 0 ? "" : ", ") + ids.map(String.init).joined(separator: ", ")
          try append(Array(text.utf8))
        }
        try append(Array("]\n".utf8))
      })
  }
}
