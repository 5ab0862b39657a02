import TensorCore

/// Spearman's rank correlation of two lists of finite numbers; nil when the numbers of one side are
/// all equal, which have no order to speak of.
public func rankCorrelation(_ left: Tensor, _ right: Tensor) -> Double? {
  precondition(left.count == right.count, "\(left.shape) against \(right.shape)")
  var ranks = RankCorrelation()
  return withPointers(left, right) { ranks.correlation($0, $1, count: left.count) }
}

/// Spearman's rank correlation of pairs of numbers: Pearson's correlation of their ranks, where
/// equal numbers share the mean of the ranks they take up (scipy's `spearmanr`).
///
/// A value keeps its buffers from row to row, so it belongs to one worker.
struct RankCorrelation {
  private var keys: [UInt64] = []
  private var leftRanks: [Double] = []
  private var rightRanks: [Double] = []

  /// - Parameters:
  ///   - left: `[count]`, finite.
  ///   - right: as `left`.
  /// - Returns: nil when the numbers of one side are all equal, which have no order to speak of.
  mutating func correlation(
    _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, count: Int
  ) -> Double? {
    Self.rank(left, count, sorting: &keys, into: &leftRanks)
    Self.rank(right, count, sorting: &keys, into: &rightRanks)
    // Mean ranks sum up to what plain ranks do.
    let mean = Double(count - 1) / 2
    var (covariance, leftSquares, rightSquares) = (0.0, 0.0, 0.0)
    for index in 0..<count {
      let (x, y) = (leftRanks[index] - mean, rightRanks[index] - mean)
      covariance += x * y
      leftSquares += x * x
      rightSquares += y * y
    }
    if leftSquares == 0 || rightSquares == 0 { return nil }
    // The root of the product: equal sums must give 1 exactly, and the root of a square is exact.
    return covariance / (leftSquares * rightSquares).squareRoot()
  }

  /// Ranks from 0, the smallest.
  private static func rank(
    _ values: UnsafePointer<Float>, _ count: Int, sorting keys: inout [UInt64],
    into ranks: inout [Double]
  ) {
    keys.removeAll(keepingCapacity: true)
    for index in 0..<count {
      keys.append(UInt64(ordered(values[index])) << 32 | UInt64(index))
    }
    // Integers sort several times faster than indices compared through a closure.
    keys.sort()
    if ranks.count < count { ranks = [Double](repeating: 0, count: count) }
    var start = 0
    while start < count {
      var end = start + 1
      while end < count, keys[end] >> 32 == keys[start] >> 32 { end += 1 }
      let shared = Double(start + end - 1) / 2
      for position in start..<end {
        ranks[Int(truncatingIfNeeded: keys[position] & 0xFFFF_FFFF)] = shared
      }
      start = end
    }
  }

  /// Bits whose order as integers is that of the numbers; both zeros are one.
  private static func ordered(_ value: Float) -> UInt32 {
    let bits = (value == 0 ? 0 : value).bitPattern
    return bits >> 31 == 0 ? bits | 1 << 31 : ~bits
  }
}
