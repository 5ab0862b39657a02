import Documents
import Foundation
import Results

/// Several results beside each other: a row for each number that at least one of them has.
///
/// In every row the best of the comparable values is marked. A value is not comparable when it was
/// measured on something else than that of the first run that has the row: another text, other
/// samples or shots, another number of queries, another machine. It is shown all the same, marked,
/// and `remarks` says why.
public struct ReportComparison: Sendable {
  /// One column of the comparison.
  public struct Run: Sendable {
    /// As columns name it: distinct among the runs.
    public let label: String
    /// The results that the run's folder holds.
    public let results: StoredResults

    var report: EvaluationReport { results.report }
  }

  /// One measure of all runs.
  public struct Row: Sendable {
    /// One run's value of a measure.
    public struct Cell: Sendable {
      /// The measured value.
      public var value: Double
      /// Standard error of the value; nil where there is none.
      public var standardError: Double?
      /// Whether it was measured on the same as that of the first run that has the row.
      public var isComparable = true
      /// Whether it is the best of the row's comparable values.
      public var isBest = false
    }

    /// `student`, `tasks`, `recall` or `cost`.
    public var group: String
    /// What was measured.
    public var name: String
    /// Whether the largest value is the best.
    public var higherIsBetter: Bool
    /// One for each run; nil where it was not measured.
    public var cells: [Cell?]
    var format: @Sendable (Double) -> String = Figures.decimals
  }

  /// The columns, in the order in which the results were given.
  public let runs: [Run]
  /// The measures that at least one run has.
  public private(set) var rows: [Row] = []
  /// Why values are not comparable, a sentence each.
  public private(set) var remarks: [String] = []

  /// Puts results beside each other, the first of them as the yardstick.
  public init(_ results: [StoredResults]) {
    let labels = Self.labels(results)
    runs = zip(labels, results).map(Run.init)
    var builder = ComparisonRows(runs)
    builder.build()
    rows = builder.rows.map(Self.marked)
    remarks = builder.remarks
  }

  /// Titles when they differ; else what differs in the paths; else both with numbers.
  static func labels(_ results: [StoredResults]) -> [String] {
    let titles = results.map(\.report.title)
    if Set(titles).count == titles.count { return titles }
    var paths = results.map { $0.path.split(separator: "/").map(String.init) }
    while paths.count > 1, Set(paths.map { $0.last ?? "" }).count == 1,
      paths.allSatisfy({ $0.count > 1 })
    {
      for index in paths.indices { paths[index].removeLast() }
    }
    while paths.count > 1, Set(paths.map { $0.first ?? "" }).count == 1,
      paths.allSatisfy({ $0.count > 1 })
    {
      for index in paths.indices { paths[index].removeFirst() }
    }
    let names = paths.map { $0.joined(separator: "/") }
    if Set(names).count == names.count { return names }
    return names.enumerated().map { "\($0.offset + 1): \($0.element)" }
  }

  private static func marked(_ row: Row) -> Row {
    let values = row.cells.compactMap(\.self).filter { $0.isComparable && $0.value.isFinite }
      .map(\.value)
    guard values.count > 1, let low = values.min(), let high = values.max(), low < high else {
      return row
    }
    let best = row.higherIsBetter ? high : low
    var row = row
    row.cells = row.cells.map { cell in
      guard var cell else { return nil }
      cell.isBest = cell.isComparable && cell.value == best
      return cell
    }
    return row
  }

  /// Which run kept most of its teacher, by the first of these measures that can tell.
  public var headline: String {
    let count = Figures.plural(runs.count, "run")
    let choices = [
      ("share recovered", "keeps the most of its teacher"),
      ("perplexity ratio", "comes closest to its teacher's perplexity"),
      ("perplexity", "has the lowest perplexity"),
    ]
    for (name, words) in choices {
      guard let row = rows.first(where: { $0.name == name }),
        let best = row.cells.firstIndex(where: { $0?.isBest == true })
      else { continue }
      let others = row.cells.enumerated().filter {
        $0.offset != best && $0.element?.isComparable == true
      }
      .compactMap { index, cell in cell.map { "\(runs[index].label) \(row.format($0.value))" } }
      return
        "Of \(count), \(runs[best].label) \(words): \(row.format(row.cells[best]?.value ?? .nan)) "
        + "(\(others.joined(separator: ", ")))."
    }
    return "\(count), of which none is ahead on a measure that all share."
  }

  /// Everything as JSON, for scripts.
  public var document: JSONValue {
    [
      "headline": .string(headline),
      "runs": .array(
        runs.map {
          [
            "label": .string($0.label), "path": .string($0.results.path),
            "title": .string($0.report.title), "name": .string($0.results.name),
          ]
        }),
      "rows": .array(
        rows.map { row in
          [
            "group": .string(row.group), "name": .string(row.name),
            "higherIsBetter": .bool(row.higherIsBetter),
            "cells": .array(
              row.cells.map { cell in
                cell.map {
                  [
                    "value": .number($0.value),
                    "standardError": $0.standardError.map { .number($0) } ?? .null,
                    "isComparable": .bool($0.isComparable), "isBest": .bool($0.isBest),
                  ]
                } ?? .null
              }),
          ]
        }),
      "remarks": .array(remarks.map { .string($0) }),
    ]
  }
}
