import Checkpoints
import Corpus
import Documents
import Foundation

/// Writes token ids as `IndexedTokenFile` reads them: one document, in 16 bits where the
/// vocabulary allows, in 32 elsewhere.
public enum IndexedTokenWriter {
  private static let idsAtATime = 1 << 16

  /// - Parameters:
  ///   - path: `NAME.bin`; `NAME.idx` is written beside it, after it.
  ///   - vocabularySize: ids are below it.
  /// - Throws: `InputError` for another name, `DocumentFile.Failure`, `CheckpointError`.
  public static func write(_ tokens: [Int32], vocabularySize: Int, to path: String) throws {
    guard path.hasSuffix(".bin"), path != ".bin" else {
      throw InputError(
        path, nil, "is no name for tokens of the format binidx; expected one that ends in .bin")
    }
    let largest = max(vocabularySize - 1, Int(tokens.max() ?? 0))
    let width = largest < 1 << 16 ? IndexedTokenFile.Width.uint16 : .int32
    let indexPath = IndexedTokenFile.indexPath(of: path)
    // An index of other tokens must not stand beside the new ones.
    if FileManager.default.fileExists(atPath: indexPath) {
      try FileManager.default.removeItem(atPath: indexPath)
    }
    try AtomicFile.publish(
      to: path,
      appending: { append in
        for start in stride(from: 0, to: tokens.count, by: idsAtATime) {
          let ids = tokens[start..<min(tokens.count, start + idsAtATime)]
          try append(
            width == .uint16
              ? ids.flatMap { UInt16($0).littleEndianBytes } : ids.flatMap(\.littleEndianBytes))
        }
      })
    try AtomicFile.publish(
      to: indexPath,
      appending: { append in
        // One document; of more sequences than one only where a size would not fit its 32 bits.
        let starts = Array(stride(from: 0, to: max(1, tokens.count), by: Int(Int32.max)))
        try append(
          IndexedTokenFile.magic + UInt64(1).littleEndianBytes + [width.rawValue]
            + UInt64(starts.count).littleEndianBytes + UInt64(2).littleEndianBytes)
        try append(
          starts.flatMap { Int32(min(tokens.count - $0, Int(Int32.max))).littleEndianBytes })
        try append(starts.flatMap { Int64($0 * width.bytes).littleEndianBytes })
        try append(Int64(0).littleEndianBytes + Int64(starts.count).littleEndianBytes)
      })
    _ = try IndexedTokenFile(path)
  }
}
