import Documents
import Foundation
import Models

/// A file of the teacher's most probable tokens.
struct CachedLogitsSpecification: Sendable, Equatable {
  /// Relative to the current directory.
  let path: String
  /// Tokens kept of every position; all others are one.
  let topK: Int

  init(_ reader: DocumentReader) {
    path = reader.string("path", "The HDF5 file, relative to the current directory.")
    topK = reader.integer(
      "topK", in: 1...65_536, default: 64,
      "Most probable tokens that are kept of every position; the others' probability is one number."
    )
    if path.isEmpty { reader.report("path", "is empty; expected the file of cached logits") }
  }
}

extension CachedLogitsSpecification {
  /// Looks whether a file that is there can be the teacher's.
  func check(sequenceLength: Int, teacherDigest: () throws -> String) throws {
    guard FileManager.default.fileExists(atPath: path) else {
      let folder = FilePath.folder(of: path)
      if !FilePath.isFolder(folder) {
        throw InputError(
          path, nil, "cannot be written: \(folder) is no folder; make it, or name another file")
      }
      return
    }
    let header = try LogitCacheHeader.read(path)
    try header.require(
      LogitCacheHeader(
        teacher: try teacherDigest(), data: header.data, sequenceLength: sequenceLength,
        topK: topK), path: path)
  }
}
