import Documents
import Foundation
import Reports
import Results

/// The files of an evaluation in a folder: `results.json`, `report.md`, `report.html`,
/// `junit.xml`, `samples_TASK.jsonl`, `fidelity.h5`.
public enum EvaluationFiles {
  /// Makes the folder when it is not there, and replaces the evaluation's files in it.
  ///
  /// Also appends the report to the file that `GITHUB_STEP_SUMMARY` names.
  ///
  /// - Throws: `DocumentFile.Failure`, `RunError.notAFolder`, `PublicationError`.
  public static func write(
    _ report: EvaluationReport, samples: [(task: String, lines: [JSONValue])] = [],
    to folder: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws {
    try makeFolder(folder)
    for (task, lines) in samples {
      try DocumentFile("\(folder)/samples_\(task).jsonl").replace(
        with: lines.map { $0.compact + "\n" }.joined())
    }
    if let fidelity = report.fidelity {
      try FidelityFile.write(fidelity, to: "\(folder)/fidelity.h5")
    }
    try DocumentFile(folder + "/junit.xml").replace(with: report.junit)
    try DocumentFile(folder + "/report.md").replace(with: report.markdown)
    try DocumentFile(folder + "/report.html").replace(with: try report.html())
    // Last: where it is, everything beside it is of the same evaluation.
    try DocumentFile(folder + "/results.json").replace(with: report.document.pretty)
    if let path = environment["GITHUB_STEP_SUMMARY"], !path.isEmpty {
      try appendSummary(of: report, in: folder, to: path)
    }
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

  /// Whether files can be made in the folder, found out before the work instead of after it.
  ///
  /// - Throws: `DocumentFile.Failure`, `RunError.notAFolder`.
  public static func requireWritable(_ folder: String) throws {
    try makeFolder(folder)
    if access(folder, W_OK | X_OK) != 0 {
      throw DocumentFile.Failure(path: folder, operation: "write into it", errorNumber: errno)
    }
  }

  /// What other steps of the job have written counts against the limit.
  private static func appendSummary(
    of report: EvaluationReport, in folder: String, to path: String
  ) throws {
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
    if descriptor < 0 {
      throw DocumentFile.Failure(
        path: path, operation: "open the step summary", errorNumber: errno)
    }
    defer { close(descriptor) }
    let text = report.stepSummary(
      pointer: "\(folder)/report.md",
      limit: max(0, EvaluationReport.stepSummaryLimit - Int(lseek(descriptor, 0, SEEK_END))))
    try DocumentFile.write(Array(text.utf8), to: descriptor, path: path)
  }
}
