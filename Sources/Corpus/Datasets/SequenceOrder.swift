/// The order of an epoch, computed from its number alone: a resumed run needs no saved state.
///
/// The draws are SplitMix64's (Steele, Lea, Flood 2014) for the key
/// `mix(mix(seed + γ) + (epoch + 1) γ)`: draw k is `mix(key + (k + 1) γ)`. They drive a
/// Fisher–Yates shuffle from the last position down; a draw below a bound is the high word of
/// draw × bound, drawn again where the low word would favour some values (Lemire 2019).
public enum SequenceOrder {
  private static let gamma: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// A permutation of `0..<count`.
  public static func shuffled(count: Int, seed: UInt64, epoch: Int) -> [Int] {
    precondition(epoch >= 0, "epoch is \(epoch), expected at least 0")
    let key = mix(mix(seed &+ gamma) &+ (UInt64(epoch) &+ 1) &* gamma)
    var counter: UInt64 = 0
    var order = Array(0..<count)
    for position in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(position, draw(below: UInt64(position) + 1, key, &counter))
    }
    return order
  }

  static func draw(_ index: UInt64, key: UInt64) -> UInt64 { mix(key &+ (index &+ 1) &* gamma) }

  private static func draw(below bound: UInt64, _ key: UInt64, _ counter: inout UInt64) -> Int {
    let threshold = (0 &- bound) % bound
    while true {
      let product = bound.multipliedFullWidth(by: draw(counter, key: key))
      counter += 1
      if product.low >= threshold { return Int(product.high) }
    }
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
