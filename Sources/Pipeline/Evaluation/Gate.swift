import Documents
import Foundation
import Reports
import Results

/// A bound as the command line spells it: `perplexityRatio<=2`, `arc_easy/acc_norm>=0.4`.
public struct Gate: Sendable, Equatable {
  /// One of `EvaluationReport.measures`, or `TASK/METRIC`.
  public var measure: String
  /// The least value that keeps the bound; nil for none.
  public var minimum: Double?
  /// The greatest value that keeps the bound; nil for none.
  public var maximum: Double?

  /// - Throws: `GateError` saying what was expected.
  public init(_ text: String) throws {
    guard let range = text.range(of: "<=") ?? text.range(of: ">=") else {
      throw GateError(
        text: text, reason: "found no bound, expected MEASURE<=NUMBER or MEASURE>=NUMBER")
    }
    measure = text[..<range.lowerBound].trimmingCharacters(in: .whitespaces)
    let number = text[range.upperBound...].trimmingCharacters(in: .whitespaces)
    guard let bound = Double(number), bound.isFinite else {
      throw GateError(text: text, reason: "found the bound \"\(number)\", expected a number")
    }
    let known = EvaluationReport.measures.map(\.name)
    let isTaskMetric = measure.split(separator: "/", omittingEmptySubsequences: false).count == 2
    if !known.contains(measure), !isTaskMetric {
      let meant = nearest(measure, among: known).map { " (did you mean \"\($0)\"?)" } ?? ""
      throw GateError(
        text: text,
        reason: "no measure is called \"\(measure)\"\(meant); expected TASK/METRIC or one of "
          + known.joined(separator: ", "))
    }
    if text[range] == "<=" { maximum = bound } else { minimum = bound }
  }
}

/// A bound that cannot be read.
public struct GateError: ExitCoded, Equatable, CustomStringConvertible {
  /// The bound as it was given.
  public let text: String
  /// What was found and what was expected.
  public let reason: String

  public var exitCode: ExitCode { .usage }
  public var description: String { "--threshold \"\(text)\": \(reason)" }
}

extension EvaluationReport {
  /// Holds the report against a `results.json` of before.
  ///
  /// - Throws: `DocumentFile.Failure`, `DocumentFile.Malformed`, and what `StoredResults` and
  ///   `judge` throw when the two cannot be compared.
  mutating func judge(baselineAt path: String, tolerance: Double) throws {
    let stored = try StoredResults(try DocumentFile(path).read(), path: path)
    try judge(baseline: stored, tolerance: tolerance)
  }
}
