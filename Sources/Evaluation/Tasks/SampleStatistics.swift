import Operations

/// Means of samples and how far they are to be trusted, as lm-eval has them.
enum SampleStatistics {
  /// NaN for no values.
  static func mean(_ values: [Double]) -> Double {
    values.reduce(0, +) / Double(values.count)
  }

  /// With `n − 1` below the sum of squares; `nil` for fewer than two values.
  static func standardDeviation(_ values: [Double]) -> Double? {
    if values.count < 2 { return nil }
    let mean = mean(values)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(values.count - 1)).squareRoot()
  }

  /// Of the mean; `nil` for fewer than two values.
  static func standardError(_ values: [Double]) -> Double? {
    standardDeviation(values).map { $0 / Double(values.count).squareRoot() }
  }

  /// Standard deviation of `exp(−mean)` over resamples with replacement; `nil` for fewer than two
  /// values.
  static func perplexityStandardError(_ values: [Double], resamples: Int = 100_000) -> Double? {
    if values.count < 2 { return nil }
    return standardDeviation(
      bootstrapPerplexities(values, resamples: resamples, chunk: min(1000, resamples)))
  }
}
