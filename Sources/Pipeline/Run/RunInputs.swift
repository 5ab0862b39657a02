import Checkpoints
import Documents
import Foundation
import Operations
import TensorCore

/// What a run depends on besides its recipe: hashes of the teacher, of the files beside its weights
/// and of every text, and what
/// decides the last bits of a sum.
enum RunInputs {
  /// Member with the digests of the files beside the teacher's weights; runs of earlier versions have
  /// none.
  static let teacherFiles = "teacherFiles"

  /// Member of `numerics`; runs of earlier versions have none.
  static let openblasVersion = "openblasVersion"

  /// - Throws: `PublicationError` when a file cannot be read.
  static func document(
    _ data: DataSpecification, teacher: ModelSource, teacherDigest: String
  ) throws -> JSONValue {
    var files = JSONObject()
    for dataset in data.train + data.validation + data.test
    where files[dataset.path] == nil && !dataset.path.isEmpty {
      for file in try regularFiles(dataset.path) + dataset.indexPaths {
        files[file] = .string(try Digest.sha256(ofFile: file))
      }
    }
    return [
      "teacher": .string(teacherDigest), teacherFiles: .object(teacher.documentDigests),
      "data": .object(files),
      // Sums differ in their last bits between kernels and between ways to split the work, so a
      // run resumed on another machine would not be the same run.
      "numerics": [
        "openblasCore": .string(OpenBLASInformation.core),
        openblasVersion: .string(OpenBLASInformation.version),
        "threads": .integer(WorkerPool.shared.workers),
      ],
    ]
  }

  /// The file itself, or every file below a folder, in order.
  static func regularFiles(_ path: String) throws -> [String] {
    guard FilePath.isFolder(path) else { return [path] }
    return try FileManager.default.subpathsOfDirectory(atPath: path).sorted()
      .map { "\(path)/\($0)" }
      .filter { FileManager.default.fileExists(atPath: $0) && !FilePath.isFolder($0) }
  }

  /// Folders that hold checkpoints, blocks of a stage among them.
  static func checkpointFolders(in folder: String) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: folder)
      .filter { ($0 as NSString).lastPathComponent.hasPrefix("step-") }
      .map { "\(folder)/" + ($0 as NSString).deletingLastPathComponent }
      .reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }
}
