import Foundation
import Results

/// What the report says in words, the same on the terminal, in Markdown and in HTML.
extension EvaluationReport {
  /// The verdict in one sentence: what the student is worth beside its teacher and beside the best
  /// that costs nothing.
  public var headline: String {
    guard let subject else { return "Nothing was evaluated." }
    if subject.variant != .student { return teacherHeadline(subject) }
    if let cosine = value(of: "embeddingCosine") { return embeddingHeadline(cosine) }
    let parts = [lossClause, taskClause(subject)].compactMap(\.self)
    return "The student \(parts.isEmpty ? "was evaluated" : parts.joined(separator: "; "))."
  }

  private func teacherHeadline(_ teacher: VariantResult) -> String {
    var parts: [String] = []
    if let text = teacher.text {
      parts.append(
        "has a perplexity of \(Figures.decimals(text.perplexity)) on "
          + "\(Figures.count(text.scoredTokens)) tokens")
    }
    if let accuracy = meanAccuracy(teacher) {
      parts.append(
        "answers \(Figures.percent(accuracy.value)) of the questions of "
          + "\(Figures.plural(accuracy.tasks, "task"))")
    }
    return "The teacher \(parts.isEmpty ? "was evaluated" : parts.joined(separator: " and "))."
  }

  private func embeddingHeadline(_ cosine: Double) -> String {
    let correlation = value(of: "embeddingRankCorrelation").map {
      "; similarities between texts correlate in rank by \(Figures.score($0))"
    }
    return
      "The student's embeddings have a mean cosine of \(Figures.score(cosine)) to its teacher's"
      + "\(correlation ?? "")."
  }

  /// How the student's loss stands between that of the untrained teacher and the teacher's.
  private var lossClause: String? {
    guard let student = self[.student]?.text else { return nil }
    let teacher = self[.teacher]?.text
    let perplexity = { (loss: Double) in Figures.decimals(exp(loss)) }
    guard let gain = trainingGain else {
      guard let teacher else {
        return "has a perplexity of \(Figures.decimals(student.perplexity))"
      }
      return "has \(Figures.times(student.perplexity / teacher.perplexity)) its teacher's "
        + "perplexity, \(Figures.decimals(student.perplexity)) against "
        + Figures.decimals(teacher.perplexity)
    }
    let nats = "\(Figures.decimals(abs(gain.gain))) nats a token"
    let words =
      switch gain.isAhead {
      case true?: "is better than \(freeWords(gain)) by \(nats)"
      case false?: "is worse than \(freeWords(gain)) by \(nats)"
      case nil:
        "is no better than \(freeWords(gain)): \(nats) \(gain.gain < 0 ? "behind" : "ahead"), "
          + "within two standard errors"
      }
    let share = gain.share.map {
      $0 < 0
        ? ", which widens the gap from there to its teacher by \(Figures.percent(-$0))"
        : ", \(Figures.percent($0)) of the gap from there to its teacher"
    }
    return words + (share ?? "") + "; perplexity \(perplexity(gain.studentLoss)), untrained "
      + perplexity(gain.untrainedLoss)
      + (gain.teacherLoss.map { ", teacher \(perplexity($0))" } ?? "")
  }

  /// The best that costs nothing.
  private func freeWords(_ gain: TrainingGain) -> String {
    let detail = gain.untrainedDetail.replacing(", untrained", with: "")
    return "the untrained window" + (detail.isEmpty ? "" : " (\(detail))")
  }

  /// What is answered of the tasks, beside those who must be beaten.
  private func taskClause(_ student: VariantResult) -> String? {
    guard let own = meanAccuracy(student) else { return nil }
    let others: [(String, ModelVariant)] = [
      ("untrained", .teacherWindowSinks), ("teacher", .teacher),
    ]
    let beside = others.compactMap { name, variant in
      self[variant].flatMap(meanAccuracy).flatMap {
        $0.tasks == own.tasks ? "\(name) \(Figures.percent($0.value))" : nil
      }
    }
    return "answers \(Figures.percent(own.value)) of the questions of "
      + Figures.plural(own.tasks, "task")
      + (beside.isEmpty ? "" : " (\(beside.joined(separator: ", ")))")
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
      let name = kind == "passkey" ? kind : RecallResult.title(of: kind)
      return "\(name) at \(Figures.count(longest.length)) "
        + "tokens \(own) (teacher \(Figures.percent(longest.accuracy))"
        + rest.map { ", \($0)" }.joined() + ")"
    }
    return parts.isEmpty
      ? nil
      : "Of what stands in its context the student names: "
        + parts.joined(separator: "; ") + "."
  }
}
