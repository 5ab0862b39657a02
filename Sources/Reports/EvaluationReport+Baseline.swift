import Documents
import Results

extension EvaluationReport {
  /// Holds the subject to an earlier result: every metric of a task that both have, and perplexity
  /// and top-1 accuracy on the held-out text, may be worse by no more than the tolerance. Adds a
  /// verdict for each, whose origin is `baseline PATH`.
  ///
  /// - Parameter tolerance: Absolute where higher is better, for these are shares (0.01 lets an
  ///   accuracy of 0.47 fall to 0.46); relative where lower is better, for these are perplexities
  ///   and bits (0.01 lets a perplexity of 20 rise to 20.2). At least 0.
  /// - Throws: `BaselineMismatch` when the two are not of the same tasks, samples, shots and text;
  ///   nothing is then judged.
  public mutating func judge(baseline: StoredResults, tolerance: Double) throws {
    precondition(
      tolerance >= 0 && tolerance.isFinite, "a tolerance of \(tolerance), expected at least 0")
    let differences = differences(from: baseline)
    if !differences.isEmpty {
      throw BaselineMismatch(path: baseline.path, differences: differences)
    }
    let subject = subject
    let earlier = baseline.report.subject
    var bounds: [(measure: String, minimum: Double?, maximum: Double?)] = []
    for task in subject?.tasks ?? [] {
      let other = earlier?.tasks.first { $0.name == task.name }
      for metric in task.metrics {
        guard let value = other?.metric(metric.name)?.value else { continue }
        let measure = "\(task.name)/\(metric.name)"
        if metric.higherIsBetter {
          bounds.append((measure, minimum: value - tolerance, maximum: nil))
        } else {
          bounds.append((measure, minimum: nil, maximum: value * (1 + tolerance)))
        }
      }
    }
    if let subject, subject.text != nil, let text = earlier?.text {
      let model = subject.variant.rawValue
      bounds.append(
        ("\(model)Perplexity", minimum: nil, maximum: text.perplexity * (1 + tolerance)))
      bounds.append(("\(model)Accuracy", minimum: text.accuracy - tolerance, maximum: nil))
    }
    judge(bounds, origin: "baseline \(baseline.path)")
  }

  /// Why numbers of the subject cannot be held against those of another result, a line each;
  /// empty when they can.
  ///
  /// Samples' hashes are compared where both have them: lm-eval's own files have none.
  public func differences(from other: StoredResults) -> [String] {
    let tasks = subject?.tasks ?? []
    let others = other.report.subject?.tasks ?? []
    var found: [String] = []
    let missing = others.map(\.name).filter { name in !tasks.contains { $0.name == name } }
    let added = tasks.map(\.name).filter { name in !others.contains { $0.name == name } }
    if !missing.isEmpty {
      found.append("it has the tasks \(missing.joined(separator: ", ")), not evaluated here")
    }
    if !added.isEmpty { found.append("it lacks the tasks \(added.joined(separator: ", "))") }
    for task in tasks {
      guard let other = others.first(where: { $0.name == task.name }) else { continue }
      if task.shots != other.shots {
        found.append("\(task.name): its \(other.shots) shots, here \(task.shots)")
      }
      if task.samples != other.samples {
        found.append("\(task.name): its \(other.samples) samples, here \(task.samples)")
      } else if !task.samplesHash.isEmpty, !other.samplesHash.isEmpty,
        task.samplesHash != other.samplesHash
      {
        found.append(
          "\(task.name): other samples (their hash is \(other.samplesHash.prefix(12))…, "
            + "here \(task.samplesHash.prefix(12))…)")
      }
    }
    return found + textDifferences(from: other)
  }

  private func textDifferences(from other: StoredResults) -> [String] {
    switch (subject?.text, other.report.subject?.text) {
    case (nil, nil): return []
    case (nil, _?): return ["it has a held-out text, none was read here"]
    case (_?, nil): return other.isForeign ? [] : ["it has no held-out text, here one was read"]
    case (let text?, let earlier?):
      if let hash = textHash, let otherHash = other.report.textHash {
        if hash == otherHash { return [] }
        return [
          "another held-out text (its hash is \(otherHash.prefix(12))…, here \(hash.prefix(12))…)"
        ]
      }
      if text.windows.map(\.scoredTokens) == earlier.windows.map(\.scoredTokens) { return [] }
      return [
        "another held-out text (its \(Figures.count(earlier.scoredTokens)) scored tokens in "
          + "\(earlier.windows.count) windows, here \(Figures.count(text.scoredTokens)) in "
          + "\(text.windows.count))"
      ]
    }
  }
}

/// A baseline that measured something else.
public struct BaselineMismatch: ExitCoded, Equatable, CustomStringConvertible {
  /// The baseline's file, as it was named.
  public let path: String
  /// What differs, a line each.
  public let differences: [String]

  public var exitCode: ExitCode { .badData }
  public var description: String {
    "\(path): cannot be the baseline of this evaluation: \(differences.joined(separator: "; ")). "
      + "Evaluate the same tasks with the same shots, limit and text, or give another baseline."
  }
}
