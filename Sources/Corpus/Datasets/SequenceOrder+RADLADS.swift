/// The order of RWKV's and RADLADS' training code: sample `i`, from 1, is window
/// `(⌊p φ⌋ i³) mod p` of a stream of tokens cut without overlap, with `φ = (√5 − 1) / 2` and `p` the
/// largest prime that is 2 modulo 3 and below `tokens / length − 1`. Cubes are a permutation modulo
/// such a prime, so `p` samples are all different.
///
/// A window here predicts within itself: the code's samples have one token more, as the last
/// target.
public struct RADLADSOrder: Sendable, Equatable {
  /// Samples until they repeat.
  public let period: Int
  private let factor: Int

  /// - Parameter tokens: of the stream.
  /// - Returns: nil for a stream too short to have such a prime.
  public init?(tokens: Int, length: Int) {
    // The integers below tokens / length − 1.
    let bound = (tokens + length - 1) / length - 2
    guard let prime = stride(from: bound, through: 2, by: -1).first(where: Self.isSuitable) else {
      return nil
    }
    period = prime
    // In double precision, as the original.
    factor = Int(Double(prime) * ((5.0.squareRoot() - 1) / 2))
  }

  /// The window of a sample, counted from 0.
  public func window(_ sample: Int) -> Int {
    let i = (sample + 1) % period
    return multiplied(multiplied(multiplied(factor % period, i), i), i)
  }

  private func multiplied(_ left: Int, _ right: Int) -> Int {
    let product = left.multipliedFullWidth(by: right)
    return period.dividingFullWidth(product).remainder
  }

  private static func isSuitable(_ number: Int) -> Bool {
    guard number % 3 == 2 else { return false }
    var divisor = 2
    while divisor * divisor <= number {
      if number % divisor == 0 { return false }
      divisor += 1
    }
    return true
  }
}
