/// What a task reports, under lm-eval's names.
public enum TaskMetric: String, Sendable, CaseIterable {
  /// Share of samples whose right choice is the most probable one (the first of equals), or whose
  /// continuation is what greedy decoding gives.
  case accuracy = "acc"
  /// As `acc`, with log-likelihoods divided by the choices' lengths in code points, without the
  /// delimiter.
  case normalizedAccuracy = "acc_norm"
  /// Share of samples of lettered choices that are right in every rotation of the choices.
  case accuracyInAll = "acc_all"
  /// Share of a sample's rotations that got the same letter, the most frequent one; 1 for a model
  /// that always says A, one over the choices for one that follows what the letters stand for.
  case letterShare = "letter_share"
  /// `exp` of minus the mean log-likelihood of a whole continuation.
  case perplexity
  /// `exp` of minus the log-likelihood of all texts divided by their words.
  case wordPerplexity = "word_perplexity"
  /// `exp` of minus the log-likelihood of all texts divided by their UTF-8 bytes.
  case bytePerplexity = "byte_perplexity"
  /// Logarithm to base 2 of `byte_perplexity`.
  case bitsPerByte = "bits_per_byte"

  /// Whether a larger value is a better one.
  public var higherIsBetter: Bool {
    switch self {
    case .accuracy, .normalizedAccuracy, .accuracyInAll: true
    case .letterShare, .perplexity, .wordPerplexity, .bytePerplexity, .bitsPerByte: false
    }
  }
}
