/// Whether a student's memory, what it makes of keys without softmax, earned its place: the student
/// against its own window, and against the teacher's with sinks and no training at all.
///
/// Losses are nats a token on the same windows of text. `share` is the part of the gap between
/// the window alone and the teacher that the memory closed,
/// `(window only − student) / (window only − teacher)`. For a student without a window "window
/// only" is no attention at all.
public struct LinearShare: Sendable, Equatable {
  /// Of the student as it is.
  public var studentLoss: Double
  /// Of the teacher; nil when it was not measured.
  public var teacherLoss: Double?
  /// Of the student without its memory.
  public var withoutLinearLoss: Double
  /// Mean and standard error, over windows, of `without memory − student`.
  public var gain: Double
  /// Standard error of `gain` over windows; nil for fewer than two.
  public var gainStandardError: Double?
  /// Mean and standard error of `teacher with window and sinks − student`.
  public var gainOverUntrained: Double?
  /// Standard error of `gainOverUntrained`; nil for fewer than two windows.
  public var gainOverUntrainedStandardError: Double?
  /// Of the untrained teacher with the same window and sinks; nil when it was not measured.
  public var untrainedLoss: Double?
  /// Whether the student has a window beside its memory.
  public var hasWindow: Bool

  /// Part of the gap between window and teacher that was closed; nil without a teacher's loss, or
  /// where the teacher has no lead over the window.
  public var share: Double? {
    guard let teacherLoss, withoutLinearLoss > teacherLoss else { return nil }
    return (withoutLinearLoss - studentLoss) / (withoutLinearLoss - teacherLoss)
  }

  /// nil when the student or its windowless row was not measured, or on other windows.
  public init?(_ variants: [VariantResult]) {
    func text(_ variant: ModelVariant) -> PerplexityResult? {
      variants.first { $0.variant == variant }?.text
    }
    guard let student = text(.student), let without = text(.windowOnly) ?? text(.noAttention),
      let gain = without.lead(of: student)
    else { return nil }
    hasWindow = text(.windowOnly) != nil
    studentLoss = student.meanLoss
    teacherLoss = text(.teacher)?.meanLoss
    withoutLinearLoss = without.meanLoss
    (self.gain, gainStandardError) = gain
    if let untrained = text(.teacherWindowSinks),
      let difference = untrained.lead(of: student)
    {
      untrainedLoss = untrained.meanLoss
      (gainOverUntrained, gainOverUntrainedStandardError) = difference
    }
  }

  /// Whether the student is better than without its memory by more than two standard errors. What it
  /// is better by otherwise may be chance, and is no share of anything.
  public var isGainCertain: Bool { gain > 2 * (gainStandardError ?? 0) }

  /// Better than both by more than two standard errors.
  public var hasEarnedItsPlace: Bool {
    isGainCertain
      && (gainOverUntrained.map { $0 > 2 * (gainOverUntrainedStandardError ?? 0) } ?? true)
  }
}
