/// SHA-256 of a text's UTF-8 (FIPS 180-4), for the digests in lm-eval's samples; the program's own
/// comes with Checkpoints, on which Evaluation does not depend.
enum Digest {
  /// The first 32 bits of the fractional parts of the roots of the first primes.
  private static let primes = (2...311).filter { number in
    (2..<number).allSatisfy { !number.isMultiple(of: $0) }
  }
  private static let constants = primes.map { fraction(of: Double($0), root: 3) }
  private static let start = primes.prefix(8).map { fraction(of: Double($0), root: 2) }

  private static func fraction(of number: Double, root: Int) -> UInt32 {
    // The largest integer whose power is at most number · 2^(32·root), found bit by bit.
    let target = UInt128(number) << UInt128(32 * root)
    var result: UInt128 = 0
    for bit in (0..<36).reversed() {
      let candidate = result | (1 << UInt128(bit))
      let power = (1..<root).reduce(candidate) { product, _ in product * candidate }
      if power <= target { result = candidate }
    }
    return UInt32(truncatingIfNeeded: result)
  }

  static func sha256(_ text: String) -> String {
    var bytes = Array(text.utf8)
    let bits = UInt64(bytes.count) * 8
    bytes.append(0x80)
    while bytes.count % 64 != 56 { bytes.append(0) }
    for shift in stride(from: UInt64(56), through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: bits >> shift))
    }
    var state = start
    for block in stride(from: 0, to: bytes.count, by: 64) { mix(bytes[block..<block + 64], &state) }
    return state.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  private static func mix(_ block: ArraySlice<UInt8>, _ state: inout [UInt32]) {
    func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 {
      word >> count | word << (32 - count)
    }
    var words = stride(from: block.startIndex, to: block.endIndex, by: 4).map { index in
      block[index..<index + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
    for index in 16..<64 {
      let early = words[index - 15]
      let late = words[index - 2]
      words.append(
        words[index - 16] &+ words[index - 7]
          &+ (rotated(early, 7) ^ rotated(early, 18) ^ early >> 3)
          &+ (rotated(late, 17) ^ rotated(late, 19) ^ late >> 10))
    }
    var now = state
    for index in 0..<64 {
      let (a, e) = (now[0], now[4])
      let first =
        now[7] &+ (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25))
        &+ (e & now[5] ^ ~e & now[6]) &+ constants[index] &+ words[index]
      let second =
        (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22))
        &+ (a & now[1] ^ a & now[2] ^ now[1] & now[2])
      now = [first &+ second, a, now[1], now[2], now[3] &+ first, e, now[5], now[6]]
    }
    for index in 0..<8 { state[index] = state[index] &+ now[index] }
  }
}
