import Documents
import Foundation

/// What killed writers left in a folder that has one owner at a time, and in those below it.
public enum Leftovers {
  /// Removes files and folders under the names that they have while they are written, `AtomicFile`'s
  /// and `DocumentFile`'s, and gives folders their name back that were about to be replaced. To be
  /// called by the owner, before anything is written.
  ///
  /// - Throws: `PublicationError` (74).
  public static func remove(below folder: String) throws {
    try AtomicDirectory.recover(folder)
    for name in try FileSystem.names(in: folder) {
      let path = "\(folder)/\(name)"
      switch try FileSystem.kind(of: path) {
      case .folder: try remove(below: path)
      case .file where DocumentFile.isTemporary(name): try FileSystem.remove(path)
      default: continue
      }
    }
  }
}
