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
  /// - Returns: why that file could not be written; the results are there without it.
  /// - Throws: `DocumentFile.Failure`, `RunError.notAFolder`, `PublicationError`.
  @discardableResult
  public static func write(
    _ report: EvaluationReport, samples: [(task: String, lines: [JSONValue])] = [],
    to folder: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> String? {
    try makeFolder(folder)
    try removeEarlier(from: folder)
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
    guard let path = environment["GITHUB_STEP_SUMMARY"], !path.isEmpty else { return nil }
    do {
      try appendSummary(of: report, in: folder, to: path)
      return nil
    } catch {
      return "warning: the step summary was not written: \(error)"
    }
  }

  /// What an earlier evaluation left and this one may not replace: rows of other tasks would stand
  /// beside its results. The results go first, so that nothing stands beside what it is not of.
  private static func removeEarlier(from folder: String) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    let stale =
      names.filter { $0 == "results.json" }
      + names.filter {
        $0 == "fidelity.h5" || ($0.hasPrefix("samples_") && $0.hasSuffix(".jsonl"))
      }
    for name in stale {
      if unlink("\(folder)/\(name)") != 0, errno != ENOENT {
        throw DocumentFile.Failure(
          path: "\(folder)/\(name)", operation: "remove the earlier one", errorNumber: errno)
      }
    }
  }

  /// - Throws: `DocumentFile.Failure`, `RunError.notAFolder`.
  public static func makeFolder(_ path: String) throws {
    try RunDirectory.createFolder(path)
  }

  /// Whether files can be made in the folder, found out before the work instead of after it.
  ///
  /// - Returns: what keeps a run out of its own folder, to be held until the files are written; nil
  ///   for a folder that is no run's.
  /// - Throws: `DocumentFile.Failure`, `RunError.notAFolder`, `RunError.inUse` for the folder of a
  ///   run that is going on.
  public static func claim(_ folder: String) throws -> RunLock? {
    try makeFolder(folder)
    if access(folder, W_OK | X_OK) != 0 {
      throw DocumentFile.Failure(path: folder, operation: "write into it", errorNumber: errno)
    }
    return try RunLock.existing(in: folder)
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
