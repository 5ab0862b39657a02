import Foundation
import Results

/// What the report says in words, the same on the terminal, in Markdown and in HTML.
extension EvaluationReport {
  /// The verdict in one sentence: what the student kept of its teacher.
  public var headline: String {
    let models = self[.student] != nil ? "student" : "teacher"
    guard let subject else { return "Nothing was evaluated." }
    guard subject.variant == .student else {
      var parts: [String] = []
      if let text = subject.text {
        parts.append(
          "has a perplexity of \(Figures.decimals(text.perplexity)) on "
            + "\(Figures.count(text.scoredTokens)) tokens")
      }
      if let accuracy = meanAccuracy(subject) {
        parts.append(
          "answers \(Figures.percent(accuracy.value)) of the questions of "
            + "\(Figures.plural(accuracy.tasks, "task"))")
      }
      if parts.isEmpty { return "The \(models) was evaluated." }
      return "The \(models) \(parts.joined(separator: " and "))."
    }
    var sentence: String
    if let cosine = value(of: "embeddingCosine") {
      sentence =
        "The student's embeddings have a mean cosine of \(Figures.score(cosine)) to its teacher's"
      if let correlation = value(of: "embeddingRankCorrelation") {
        sentence +=
          "; similarities between texts correlate in rank by \(Figures.score(correlation))"
      }
    } else if let share = value(of: "shareRecovered") {
      sentence = "The student recovers \(Figures.percent(share)) of \(recoveredOf)"
    } else if let ratio = value(of: "perplexityRatio") {
      sentence = "The student's perplexity is \(Figures.times(ratio)) its teacher's"
    } else if let accuracy = meanAccuracy(subject) {
      sentence =
        "The student answers \(Figures.percent(accuracy.value)) of the questions of "
        + Figures.plural(accuracy.tasks, "task")
    } else {
      sentence = "The student was evaluated"
    }
    if let student = subject.text {
      sentence += "; perplexity \(Figures.decimals(student.perplexity))"
      if let teacher = self[.teacher]?.text {
        sentence += " against \(Figures.decimals(teacher.perplexity))"
      }
    }
    return sentence + "."
  }

  /// What `shareRecovered` is a share of.
  var recoveredOf: String {
    let tasks = accuracyPairs.filter { $0.teacher > $0.chance ?? 0 }.count
    if tasks == 0 { return "what attention is worth to its teacher" }
    return "its teacher's accuracy above chance over \(Figures.plural(tasks, "task"))"
  }

  private func meanAccuracy(_ variant: VariantResult) -> (value: Double, tasks: Int)? {
    let values = variant.tasks.compactMap { ($0.metric("acc_norm") ?? $0.metric("acc"))?.value }
    return values.isEmpty
      ? nil : (values.reduce(0, +) / Double(values.count), values.count)
  }

  /// Whether the thresholds were kept; nil when there are none.
  var thresholdSentence: String? {
    if verdicts.isEmpty { return nil }
    let missed = verdicts.filter { !$0.isKept }
    if missed.isEmpty {
      return verdicts.count == 1
        ? "The threshold was kept." : "All \(verdicts.count) thresholds were kept."
    }
    return "Missed \(missed.count) of \(Figures.plural(verdicts.count, "threshold")): "
      + missed.map(\.measure).joined(separator: ", ") + "."
  }

  /// What was left out of the tasks, and what was cut, so that no score stands for more than was
  /// measured; nil when every sample was scored whole.
  var sampleSentence: String? {
    let tasks = subject?.tasks ?? []
    let partial = tasks.filter { $0.samples < $0.availableSamples }.map {
      "\($0.name) \(Figures.count($0.samples)) of \(Figures.count($0.availableSamples))"
    }
    let truncated = tasks.filter { $0.truncatedSamples > 0 }.map {
      "\($0.name) \(Figures.count($0.truncatedSamples))"
    }
    var sentences: [String] = []
    if !partial.isEmpty {
      sentences.append("Not all samples were scored: \(partial.joined(separator: ", ")).")
    }
    if !truncated.isEmpty {
      sentences.append(
        "Contexts cut on the left to fit the model: \(truncated.joined(separator: ", ")).")
    }
    return sentences.isEmpty ? nil : sentences.joined(separator: " ")
  }

  /// What perplexity was measured on.
  var textSentence: String? {
    guard let text = (self[.student] ?? self[.teacher])?.text else { return nil }
    return "Perplexity is that of \(Figures.count(text.scoredTokens)) tokens in "
      + "\(Figures.plural(text.windows.count, "window")); the first token of each is not scored. "
      + (text.lossStandardError == nil
        ? "" : "Losses stand with their standard error over windows.")
  }

  /// Steps, tokens and time of all training.
  var cost: (steps: Int, tokens: Int, seconds: Double)? {
    if training.isEmpty { return nil }
    return (
      training.reduce(0) { $0 + $1.steps }, training.reduce(0) { $0 + $1.tokens },
      training.reduce(0) { $0 + $1.seconds }
    )
  }

  /// What perplexity does not show: whether anything that left the window can be named again. Of
  /// each kind of recall the longest context in which the teacher answers most queries.
  var recallSentence: String? {
    guard let teacher = self[.teacher], let student = self[.student] else { return nil }
    func accuracy(_ variant: ModelVariant, like result: RecallResult) -> String? {
      self[variant]?.recall.first { $0.kind == result.kind && $0.length == result.length }
        .map { Figures.percent($0.accuracy) }
    }
    var kinds: [String] = []
    for result in student.recall where !kinds.contains(result.kind) { kinds.append(result.kind) }
    let parts = kinds.compactMap { kind -> String? in
      let usable = teacher.recall.filter { $0.kind == kind && $0.accuracy >= 0.5 }
      guard let longest = usable.max(by: { $0.length < $1.length }),
        let own = accuracy(.student, like: longest)
      else { return nil }
      let others: [(String, ModelVariant)] = [
        ("window only", .windowOnly), ("untrained window", .teacherWindowSinks),
      ]
      let rest = others.compactMap { name, variant in
        accuracy(variant, like: longest).map { "\(name) \($0)" }
      }
      return "\(kind == "mqar" ? "associative recall" : kind) at \(Figures.count(longest.length)) "
        + "tokens \(own) (teacher \(Figures.percent(longest.accuracy))"
        + rest.map { ", \($0)" }.joined() + ")"
    }
    return parts.isEmpty
      ? nil
      : "Of what stands in its context the student names: "
        + parts.joined(separator: "; ") + "."
  }
}
