import Foundation
import TensorCore

/// `exp(−mean)` of resamples of the values with replacement, `resamples / chunk * chunk` of them.
///
/// As lm-eval's `bootstrap_stderr`: chunk `i` of resamples draws from `random.Random(i)`, each value
/// by `choices`, that is `values[floor(random() × n)]`.
public func bootstrapPerplexities(_ values: [Double], resamples: Int, chunk: Int) -> [Double] {
  let chunks = WorkerPool.shared.parallelMap(resamples / chunk) {
    resampledPerplexities(values, seed: UInt32($0), count: chunk)
  }
  return Array(chunks.joined())
}

private func resampledPerplexities(_ values: [Double], seed: UInt32, count: Int) -> [Double] {
  var generator = MersenneTwister(seed: seed)
  let block = MersenneTwister.blockLength / 2
  let size = Double(values.count)
  var draws = [Double](repeating: 0, count: block)
  var next = block
  return values.withUnsafeBufferPointer { values in
    (0..<count).map { _ in
      var sum = 0.0
      var missing = values.count
      while missing > 0 {
        if next == block {
          draws.withUnsafeMutableBufferPointer { generator.fill($0) }
          next = 0
        }
        let end = next + min(missing, block - next)
        for position in next..<end { sum += values[Int(draws[position] * size)] }
        missing -= end - next
        next = end
      }
      return exp(-(sum / size))
    }
  }
}
