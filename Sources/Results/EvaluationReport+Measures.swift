extension EvaluationReport {
  /// What a threshold can be put on, with its meaning. Beside these, `TASK/METRIC` is the student's
  /// value of one task's metric, such as `arc_easy/acc_norm`.
  public static let measures: [(name: String, meaning: String)] = [
    ("teacherPerplexity", "Perplexity of the teacher on the test sequences."),
    ("studentPerplexity", "Perplexity of the student on the test sequences."),
    ("perplexityRatio", "Perplexity of the student divided by the teacher's."),
    ("teacherLoss", "Nats a scored token of the teacher."),
    ("studentLoss", "Nats a scored token of the student."),
    ("teacherAccuracy", "Share of scored tokens that the teacher holds most probable."),
    ("studentAccuracy", "Share of scored tokens that the student holds most probable."),
    ("accuracy", "Share of scored tokens that the student, or a model alone, holds most probable."),
    (
      "accuracyDrop",
      "Teacher's minus student's accuracy, mean over the tasks (acc_norm where there is one)."
    ),
    (
      "shareRecovered",
      "Mean over the tasks of (student − chance) / (teacher − chance); without tasks, gapClosed."
    ),
    (
      "gainOverUntrained",
      "Nats a token by which the student's loss is below that of the untrained teacher with its window and sinks; negative where training did harm."
    ),
    (
      "gapClosed",
      "Part of the gap in loss between that untrained teacher and the teacher that the student closes; negative where training did harm."
    ),
    (
      "linearShare",
      "Part of the loss between the window alone and the teacher that the student's memory closes."
    ),
    (
      "associativeRecall",
      "Share of associative recall's keys that the student answers, at the longest length asked."
    ),
    ("passkeyRecall", "Share of the passkeys that the student finds, at the longest length asked."),
    (
      "passkeyDigits",
      "Share of the passkeys' digits that the student finds behind those before, at the longest length asked."
    ),
    ("transferLoss", "Mean over layers of the attention transfer's loss on the test sequences."),
    ("logitDivergence", "KL of the student's next-token distribution from the teacher's, nats."),
    ("topAgreement", "Share of tokens for which teacher and student hold the same most probable."),
    (
      "agreementTokens",
      "Tokens for which the student's greedy decoding says what the teacher's says, mean over prompts."
    ),
    ("embeddingCosine", "Mean cosine of an encoder's embeddings, student's to teacher's."),
    (
      "embeddingRankCorrelation",
      "Spearman's correlation of all pairs of texts' similarities, student's to teacher's."
    ),
    (
      "monotonicity",
      "Spearman's correlation of the student's attention weights with query-key products within a row, mean over heads and layers."
    ),
    ("teacherEntropy", "Entropy of the teacher's attention rows, nats, mean; low is spiky."),
    ("studentEntropy", "Entropy of the student's attention rows, nats, mean; low is spiky."),
    (
      "attentionDivergence",
      "KL of the student's attention rows from the teacher's, nats, mean over heads and layers."
    ),
    ("teacherTokensPerSecond", "Tokens a second of the teacher's parallel form."),
    ("studentTokensPerSecond", "Tokens a second of the student's parallel form."),
    ("decodeSpeedRatio", "Student's decoding speed over the teacher's at the longest context."),
    (
      "cacheShare",
      "Bytes of the student's memories over the teacher's after 8,192 tokens."
    ),
    ("peakMemoryBytes", "Largest resident memory of the process."),
  ]

  /// Every number a threshold may be put on, by its name; nil where it was not measured.
  public func value(of measure: String) -> Double? {
    let teacher = self[.teacher]?.text
    let student = self[.student]?.text
    switch measure {
    case "teacherPerplexity": return teacher?.perplexity
    case "studentPerplexity": return student?.perplexity
    case "perplexityRatio":
      guard let teacher, let student else { return nil }
      return student.perplexity / teacher.perplexity
    case "teacherLoss": return teacher?.meanLoss
    case "studentLoss": return student?.meanLoss
    case "teacherAccuracy": return teacher?.accuracy
    case "studentAccuracy": return student?.accuracy
    case "accuracy": return subject?.text?.accuracy
    case "accuracyDrop": return accuracyDrop
    case "shareRecovered": return shareRecovered
    case "gainOverUntrained": return trainingGain?.gain
    case "gapClosed": return trainingGain?.share
    case "linearShare": return linearShare?.share
    case "associativeRecall": return longestRecall("mqar")
    case "passkeyRecall": return longestRecall("passkey")
    case "passkeyDigits": return longestRecall(RecallResult.passkeyDigits)
    case "transferLoss": return transferLoss
    case "logitDivergence": return fidelity?.logitDivergence
    case "topAgreement": return fidelity?.topAgreement
    case "agreementTokens": return fidelity?.agreement?.student
    case "embeddingCosine": return embeddingMetric(Self.cosineMetric)
    case "embeddingRankCorrelation": return embeddingMetric(Self.rankMetric)
    case "attentionDivergence": return headMean(\.divergence)
    case "monotonicity": return headMean(\.monotonicity)
    case "teacherEntropy": return headMean(\.teacherEntropy)
    case "studentEntropy": return headMean(\.studentEntropy)
    case "teacherTokensPerSecond": return teacher?.tokensPerSecond
    case "studentTokensPerSecond": return student?.tokensPerSecond
    case "decodeSpeedRatio":
      guard let teacher = speed?.teacher.last,
        let student = speed?.student.first(where: { $0.length == teacher.length })
      else { return nil }
      return student.decodeTokensPerSecond / teacher.decodeTokensPerSecond
    case "cacheShare": return cache?.judgedShare
    case "peakMemoryBytes": return peakMemoryBytes.map(Double.init)
    default:
      let parts = measure.split(separator: "/")
      guard parts.count == 2 else { return nil }
      return subject?.tasks.first { $0.name == parts[0] }?.metric(String(parts[1]))?.value
    }
  }

  /// The name under which embeddings of the held-out texts stand among the tasks, and its metrics.
  public static let embeddingTaskName = "text_embeddings"
  /// Mean cosine between the student's embeddings and the teacher's.
  public static let cosineMetric = "cosine"
  /// Rank correlation of similarities between the texts, student against teacher.
  public static let rankMetric = "rank_correlation"

  private func longestRecall(_ kind: String) -> Double? {
    subject?.recall.filter { $0.kind == kind }.max { $0.length < $1.length }?.accuracy
  }

  /// Over the heads of all layers that were converted.
  private func headMean(_ number: (FidelityResult.Head) -> Double) -> Double? {
    let heads = (fidelity?.layers ?? []).flatMap(\.heads)
    return heads.isEmpty ? nil : heads.reduce(0) { $0 + number($1) } / Double(heads.count)
  }

  private func embeddingMetric(_ name: String) -> Double? {
    self[.student]?.tasks.first { $0.name == Self.embeddingTaskName }?.metric(name)?.value
  }

  /// Tasks of both models by their accuracy: `acc_norm` where there is one, else `acc`.
  package var accuracyPairs: [(teacher: Double, student: Double, chance: Double?)] {
    guard let teacher = self[.teacher], let student = self[.student] else { return [] }
    return student.tasks.compactMap { task in
      guard let other = teacher.tasks.first(where: { $0.name == task.name }) else { return nil }
      for name in ["acc_norm", "acc"] {
        if let right = task.metric(name)?.value, let left = other.metric(name)?.value {
          return (left, right, task.chance)
        }
      }
      return nil
    }
  }

  private var accuracyDrop: Double? {
    let drops = accuracyPairs.map { $0.teacher - $0.student }
    return drops.isEmpty ? nil : drops.reduce(0, +) / Double(drops.count)
  }

  private var shareRecovered: Double? {
    let shares = accuracyPairs.compactMap { accuracy -> Double? in
      let chance = accuracy.chance ?? 0
      guard accuracy.teacher > chance else { return nil }
      return (accuracy.student - chance) / (accuracy.teacher - chance)
    }
    if !shares.isEmpty { return shares.reduce(0, +) / Double(shares.count) }
    return trainingGain?.share
  }

  /// Holds the results to bounds, beside verdicts that are there.
  public mutating func judge(
    _ bounds: [(measure: String, minimum: Double?, maximum: Double?)], origin: String? = nil
  ) {
    verdicts += bounds.map {
      Verdict(
        measure: $0.measure, minimum: $0.minimum, maximum: $0.maximum,
        value: value(of: $0.measure), origin: origin)
    }
  }
}
