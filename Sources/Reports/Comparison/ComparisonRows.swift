import Foundation
import Results

/// Collects the rows of a comparison, and why some of their values stand apart.
struct ComparisonRows {
  typealias Row = ReportComparison.Row
  typealias Run = ReportComparison.Run

  let runs: [Run]
  private(set) var rows: [Row] = []
  private(set) var remarks: [String] = []

  init(_ runs: [Run]) { self.runs = runs }

  mutating func build() {
    addMeasures()
    addTasks()
    addRecall()
    addCosts()
  }

  /// Which runs measured the same as the first one that measured at all; true where a run has
  /// nothing to compare.
  ///
  /// - Parameters:
  ///   - subject: "another text", for a remark about those that differ; nil for none.
  ///   - identities: what was measured, by run.
  private mutating func agreement<Identity>(
    _ subject: String?, _ identities: [Identity?], _ isSame: (Identity, Identity) -> Bool
  ) -> [Bool] {
    guard let first = identities.firstIndex(where: { $0 != nil }), let reference = identities[first]
    else { return identities.map { _ in true } }
    let agrees = identities.map { $0.map { isSame($0, reference) } ?? true }
    let apart = runs.indices.filter { !agrees[$0] }.map { runs[$0].label }
    if let subject, !apart.isEmpty {
      let remark = "\(apart.joined(separator: ", ")): \(subject) than \(runs[first].label)."
      if !remarks.contains(remark) { remarks.append(remark) }
    }
    return agrees
  }

  private mutating func add(
    _ group: String, _ name: String, isHigherBetter: Bool, agrees: [Bool],
    _ format: @escaping @Sendable (Double) -> String = Figures.decimals,
    _ read: (EvaluationReport) -> (value: Double, error: Double?)?
  ) {
    let cells = runs.indices.map { index in
      read(runs[index].report).map {
        Row.Cell(value: $0.value, standardError: $0.error, isComparable: agrees[index])
      }
    }
    if cells.allSatisfy({ $0 == nil }) { return }
    rows.append(
      Row(group: group, name: name, higherIsBetter: isHigherBetter, cells: cells, format: format))
  }

  private mutating func addMeasures() {
    let text = agreement(
      "another held-out text", runs.map { Self.textIdentity($0.report) }, ==)
    let taskLists = runs.map { run -> [TaskResult]? in
      let tasks = run.report.subject?.tasks ?? []
      return tasks.isEmpty ? nil : tasks.sorted { $0.name < $1.name }
    }
    _ = agreement("another set of tasks", taskLists) { $0.map(\.name) == $1.map(\.name) }
    // What differs within a task is said with its rows.
    let tasks = agreement(nil, taskLists) { left, right in
      left.count == right.count
        && zip(left, right).allSatisfy { $0.name == $1.name && $0.isOfSameSamples(as: $1) }
    }
    let measure = { (name: String) in
      { (report: EvaluationReport) in
        report.value(of: name).map { (value: $0, error: nil as Double?) }
      }
    }
    add("student", "perplexity", isHigherBetter: false, agrees: text) {
      $0.subject?.text.map { ($0.perplexity, nil) }
    }
    add(
      "student", "perplexity ratio", isHigherBetter: false, agrees: text, Figures.decimals,
      measure("perplexityRatio"))
    add("student", "loss", isHigherBetter: false, agrees: text) {
      $0.subject?.text.map { ($0.meanLoss, $0.lossStandardError) }
    }
    add("student", "top-1 accuracy", isHigherBetter: true, agrees: text, Figures.percent) {
      $0.subject?.text.map { ($0.accuracy, nil) }
    }
    let recovered = zip(text, tasks).enumerated().map { index, agrees in
      runs[index].report.subject?.tasks.isEmpty == false ? agrees.1 : agrees.0
    }
    add(
      "student", "share recovered", isHigherBetter: true, agrees: recovered, Figures.percent,
      measure("shareRecovered"))
    add(
      "student", "linear share", isHigherBetter: true, agrees: text, Figures.percent,
      measure("linearShare"))
    let fidelity = agreement(
      "fidelity on another number of tokens",
      runs.map { $0.report.fidelity?.tokens }, ==)
    add(
      "student", "KL of predictions, nats", isHigherBetter: false, agrees: fidelity,
      Figures.significant, measure("logitDivergence"))
    add(
      "student", "same prediction", isHigherBetter: true, agrees: fidelity, Figures.percent,
      measure("topAgreement"))
    add(
      "student", "KL of attention, nats", isHigherBetter: false, agrees: fidelity,
      Figures.significant, measure("attentionDivergence"))
  }

  private mutating func addTasks() {
    var seen: [String] = []
    for task in runs.flatMap({ $0.report.subject?.tasks ?? [] }) where !seen.contains(task.name) {
      seen.append(task.name)
      let found = runs.map { run in
        run.report.subject?.tasks.first { $0.name == task.name }
      }
      let agrees = agreement(
        "other samples or shots of \(task.name)", found
      ) { $0.isOfSameSamples(as: $1) }
      var metrics: [TaskResult.Metric] = []
      for metric in found.compactMap(\.self).flatMap(\.metrics)
      where !metrics.contains(where: { $0.name == metric.name }) {
        metrics.append(metric)
      }
      for metric in metrics {
        add(
          "tasks", "\(task.name) \(metric.name)", isHigherBetter: metric.higherIsBetter,
          agrees: agrees, Figures.score
        ) { report in
          report.subject?.tasks.first { $0.name == task.name }?.metric(metric.name)
            .map { ($0.value, $0.standardError) }
        }
      }
    }
  }

  private mutating func addRecall() {
    var rows: [(kind: String, length: Int)] = []
    for run in runs {
      for row in run.report.recallRows
      where !rows.contains(where: { $0.kind == row.kind && $0.length == row.length }) {
        rows.append((row.kind, row.length))
      }
    }
    for row in rows {
      let find = { (report: EvaluationReport) in
        report.subject?.recall.first { $0.kind == row.kind && $0.length == row.length }
      }
      let title = RecallResult.title(of: row.kind)
      let agrees = agreement(
        "another number of queries of \(title)",
        runs.map { find($0.report)?.queries }, ==)
      add(
        "recall", "\(title), \(Figures.count(row.length)) tokens", isHigherBetter: true,
        agrees: agrees, Figures.percent
      ) { find($0).map { ($0.accuracy, $0.standardError) } }
    }
  }

  private mutating func addCosts() {
    let machine = agreement(
      "speeds of another machine",
      runs.map { run in
        guard run.report.speed != nil || run.report.subject?.text != nil else { return nil }
        let parts = ["processor", "threads"].compactMap { run.report.provenance[$0]?.compact }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
      }, ==)
    for length in commonLengths {
      let point = { (report: EvaluationReport) in Self.points(report).first { $0.length == length }
      }
      let suffix = "at \(Figures.count(length))"
      add("cost", "decode tokens/s \(suffix)", isHigherBetter: true, agrees: machine, Figures.rate)
      {
        point($0).map { ($0.decodeTokensPerSecond, nil) }
      }
      add("cost", "prefill tokens/s \(suffix)", isHigherBetter: true, agrees: machine, Figures.rate)
      {
        point($0).map { ($0.prefillTokensPerSecond, nil) }
      }
      add(
        "cost", "state \(suffix)", isHigherBetter: false, agrees: runs.map { _ in true }, Self.bytes
      ) {
        point($0).map { (Double($0.stateBytes), nil) }
      }
    }
    let all = runs.map { _ in true }
    add("cost", "training tokens", isHigherBetter: false, agrees: all, Self.count) {
      $0.cost.map { (Double($0.tokens), nil) }
    }
    add("cost", "training time", isHigherBetter: false, agrees: machine, Figures.duration) {
      $0.cost.map { ($0.seconds, nil) }
    }
    add("cost", "peak memory", isHigherBetter: false, agrees: all, Self.bytes) {
      $0.peakMemoryBytes.map { (Double($0), nil) }
    }
  }

  /// The longest length that every run with speeds has; without one, the longest of any.
  private var commonLengths: [Int] {
    let lengths = runs.map { Set(Self.points($0.report).map(\.length)) }.filter { !$0.isEmpty }
    guard let first = lengths.first else { return [] }
    let common = lengths.dropFirst().reduce(first) { $0.intersection($1) }
    return [(common.isEmpty ? lengths.reduce([]) { $0.union($1) } : common).max()].compactMap(
      \.self)
  }

  /// Speeds of the student, or of the teacher alone.
  static func points(_ report: EvaluationReport) -> [SpeedResult.Point] {
    guard let speed = report.speed else { return [] }
    return speed.student.isEmpty ? speed.teacher : speed.student
  }

  /// What tells held-out texts apart; nil when none was read.
  static func textIdentity(_ report: EvaluationReport) -> String? {
    report.subject?.text.map { text in
      report.textHash ?? text.windows.map { "\($0.scoredTokens)" }.joined(separator: " ")
    }
  }

  @Sendable private static func bytes(_ value: Double) -> String { Figures.bytes(Int(value)) }
  @Sendable private static func count(_ value: Double) -> String { Figures.count(Int(value)) }
}

extension TaskResult {
  /// Hashes are compared where both have them: lm-eval's own files have none.
  fileprivate func isOfSameSamples(as other: TaskResult) -> Bool {
    samples == other.samples && shots == other.shots
      && (samplesHash.isEmpty || other.samplesHash.isEmpty || samplesHash == other.samplesHash)
  }
}
