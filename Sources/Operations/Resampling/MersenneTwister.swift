/// MT19937, seeded and read as Python's `random.Random` does, so that standard errors by resampling
/// come out as lm-eval's do.
///
/// Matsumoto and Nishimura, "Mersenne Twister", 1998; the seeding is their `init_by_array` of 2002.
struct MersenneTwister {
  static let blockLength = 624
  private static let shift = 397

  private var state: [UInt32]

  /// `random.Random(seed)` of a small integer.
  init(seed: UInt32) {
    state = [UInt32](repeating: 0, count: Self.blockLength)
    state[0] = 19_650_218
    for index in 1..<Self.blockLength {
      let previous = state[index - 1]
      state[index] = 1_812_433_253 &* (previous ^ (previous >> 30)) &+ UInt32(index)
    }
    var index = 1
    for _ in 0..<Self.blockLength {
      let previous = state[index - 1]
      // The key has one word, so the position in it that is added is always 0.
      state[index] = (state[index] ^ ((previous ^ (previous >> 30)) &* 1_664_525)) &+ seed
      index = advance(index)
    }
    for _ in 1..<Self.blockLength {
      let previous = state[index - 1]
      state[index] =
        (state[index] ^ ((previous ^ (previous >> 30)) &* 1_566_083_941)) &- UInt32(index)
      index = advance(index)
    }
    state[0] = 0x8000_0000
  }

  private mutating func advance(_ index: Int) -> Int {
    if index + 1 < Self.blockLength { return index + 1 }
    state[0] = state[Self.blockLength - 1]
    return 1
  }

  /// The next 312 values of `random()`, uniform in `[0, 1)` with 53 bits.
  ///
  /// - Precondition: `output` has 312 elements.
  mutating func fill(_ output: UnsafeMutableBufferPointer<Double>) {
    precondition(output.count == Self.blockLength / 2, "\(output.count) values")
    state.withUnsafeMutableBufferPointer { state in
      Self.twist(state)
      for index in 0..<output.count {
        let high = Self.tempered(state[2 * index]) >> 5
        let low = Self.tempered(state[2 * index + 1]) >> 6
        output[index] = (Double(high) * 67_108_864 + Double(low)) * (1 / 9_007_199_254_740_992)
      }
    }
  }

  private static func twist(_ state: UnsafeMutableBufferPointer<UInt32>) {
    func mixed(_ upper: UInt32, _ lower: UInt32) -> UInt32 {
      let word = (upper & 0x8000_0000) | (lower & 0x7FFF_FFFF)
      return (word >> 1) ^ ((0 &- (lower & 1)) & 0x9908_B0DF)
    }
    let split = blockLength - shift
    for index in 0..<split {
      state[index] = state[index + shift] ^ mixed(state[index], state[index + 1])
    }
    for index in split..<(blockLength - 1) {
      state[index] = state[index - split] ^ mixed(state[index], state[index + 1])
    }
    state[blockLength - 1] = state[shift - 1] ^ mixed(state[blockLength - 1], state[0])
  }

  private static func tempered(_ word: UInt32) -> UInt32 {
    var word = word
    word ^= word >> 11
    word ^= (word << 7) & 0x9D2C_5680
    word ^= (word << 15) & 0xEFC6_0000
    return word ^ (word >> 18)
  }
}
