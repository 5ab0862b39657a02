/// What a task reports, under lm-eval's names.
public enum TaskMetric: String, Sendable, CaseIterable {
  /// Share of samples whose right choice is the most probable one (the first of equals), or whose
  /// continuation is what greedy decoding gives.
  case accuracy = "acc"
  /// As `acc`, with log-likelihoods divided by the choices' lengths in code points, without the
  /// delimiter.
  case normalizedAccuracy = "acc_norm"
  /// `exp` of minus the mean log-likelihood of a whole continuation.
  case perplexity
  /// `exp` of minus the log-likelihood of all texts divided by their words.
  case wordPerplexity = "word_perplexity"
  /// `exp` of minus the log-likelihood of all texts divided by their UTF-8 bytes.
  case bytePerplexity = "byte_perplexity"
  /// Logarithm to base 2 of `byte_perplexity`.
  case bitsPerByte = "bits_per_byte"

  /// Whether a larger value is a better one.
  public var higherIsBetter: Bool { self == .accuracy || self == .normalizedAccuracy }
}
