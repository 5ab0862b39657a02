import Dispatch
import Foundation

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
  ///
  /// As lm-eval's `bootstrap_stderr`: chunk `i` of 1,000 resamples draws from `random.Random(i)`,
  /// each value by `choices`, that is `values[floor(random() × n)]`.
  static func perplexityStandardError(_ values: [Double], resamples: Int = 100_000) -> Double? {
    if values.count < 2 { return nil }
    let chunk = min(1000, resamples)
    var perplexities = [Double](repeating: 0, count: resamples / chunk * chunk)
    perplexities.withUnsafeMutableBufferPointer { perplexities in
      // Each call writes its own chunk, and the buffer outlives them all.
      nonisolated(unsafe) let output = perplexities
      DispatchQueue.concurrentPerform(iterations: output.count / chunk) { index in
        resample(
          values, seed: UInt32(index),
          into: UnsafeMutableBufferPointer(rebasing: output[index * chunk..<(index + 1) * chunk]))
      }
    }
    return standardDeviation(perplexities)
  }

  private static func resample(
    _ values: [Double], seed: UInt32, into output: UnsafeMutableBufferPointer<Double>
  ) {
    var generator = MersenneTwister(seed: seed)
    let block = MersenneTwister.blockLength / 2
    let count = Double(values.count)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: block) { draws in
      values.withUnsafeBufferPointer { values in
        var next = block
        for index in 0..<output.count {
          var sum = 0.0
          var missing = values.count
          while missing > 0 {
            if next == block {
              generator.fill(draws)
              next = 0
            }
            let end = next + min(missing, block - next)
            for position in next..<end { sum += values[Int(draws[position] * count)] }
            missing -= end - next
            next = end
          }
          output[index] = exp(-(sum / count))
        }
      }
    }
  }
}
