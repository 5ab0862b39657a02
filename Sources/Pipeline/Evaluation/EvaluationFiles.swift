import Documents
import Evaluation
import Foundation

/// The files of an evaluation in a folder.
public enum EvaluationFiles {
  /// Makes the folder when it is not there, and replaces `results.json` and `report.md` in it.
  ///
  /// - Throws: `DocumentFile.Failure`, `RunError.notAFolder`.
  public static func write(_ results: EvaluationResults, to folder: String) throws {
    try makeFolder(folder)
    try DocumentFile(folder + "/results.json").replace(with: results.document.pretty)
    try DocumentFile(folder + "/report.md").replace(with: results.markdown)
  }

  /// - Throws: `DocumentFile.Failure`, `RunError.notAFolder`.
  public static func makeFolder(_ path: String) throws {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
      if !isFolder.boolValue { throw RunError.notAFolder(path: path) }
      return
    }
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw DocumentFile.Failure(path: path, operation: "create the folder", errorNumber: errno)
    }
  }
}
