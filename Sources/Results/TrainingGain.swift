/// What a student's training was worth: its loss against that of the best which costs nothing, the
/// untrained teacher with the student's window and sinks, and softmax in the same layers.
///
/// Losses are nats a token on the same windows of text.
public struct TrainingGain: Sendable, Equatable {
  /// Of the student.
  public let studentLoss: Double
  /// Of the untrained teacher.
  public let untrainedLoss: Double
  /// What the untrained teacher was given: "sliding window of 64, first 4 tokens kept, untrained".
  public let untrainedDetail: String
  /// Of the teacher as it is; nil when it was not measured.
  public let teacherLoss: Double?
  /// Mean over windows of `untrained − student`; negative where training did harm.
  public let gain: Double
  /// Standard error of `gain` over windows; nil for fewer than two.
  public let gainStandardError: Double?

  /// Part of the gap between the untrained teacher and the teacher that training closed, negative
  /// where it did harm; nil without a teacher's loss, or where the teacher has no lead.
  public var share: Double? {
    guard let teacherLoss, untrainedLoss > teacherLoss else { return nil }
    return gain / (untrainedLoss - teacherLoss)
  }

  /// Whether the student is ahead, behind, or nearer than two standard errors of the difference.
  public var isAhead: Bool? {
    if abs(gain) <= 2 * (gainStandardError ?? 0) { return nil }
    return gain > 0
  }

  /// nil when the student or the untrained teacher was not measured, or on other windows.
  public init?(_ variants: [VariantResult]) {
    func row(_ variant: ModelVariant) -> VariantResult? {
      variants.first { $0.variant == variant }
    }
    guard let student = row(.student)?.text, let untrained = row(.teacherWindowSinks),
      let text = untrained.text, let gain = text.lead(of: student)
    else { return nil }
    studentLoss = student.meanLoss
    untrainedLoss = text.meanLoss
    untrainedDetail = untrained.detail
    teacherLoss = row(.teacher)?.text?.meanLoss
    (self.gain, gainStandardError) = gain
  }
}

extension PerplexityResult {
  /// By how much another model's loss is below this one's on the same windows, nats a token, and
  /// the standard error over windows; nil where the windows are not the same.
  func lead(of other: PerplexityResult) -> (mean: Double, standardError: Double?)? {
    guard windows.map(\.scoredTokens) == other.windows.map(\.scoredTokens) else { return nil }
    let differences = zip(windows, other.windows).filter { $0.0.scoredTokens > 0 }
      .map { $0.meanLoss - $1.meanLoss }
    let difference = meanLoss - other.meanLoss
    if differences.count < 2 { return (difference, nil) }
    let count = Double(differences.count)
    let mean = differences.reduce(0, +) / count
    let squares = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (difference, (squares / (count - 1) / count).squareRoot())
  }
}
