#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Counter-based random numbers: draw `n` of the stream named by (seed, step, purpose) is a pure
/// function of these, so a resumed run draws what the uninterrupted one would have, and one extra
/// draw somewhere shifts nothing elsewhere.
///
/// SplitMix64 (Steele, Lea, Flood 2014) over a key mixed from the three.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// - Parameters:
  ///   - step: training step, epoch or any other counter.
  ///   - purpose: what is drawn, e.g. `"featureMap.layers.3"`.
  public init(seed: UInt64, step: Int = 0, purpose: String) {
    var key = Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15)
    key = Self.mix(key ^ UInt64(bitPattern: Int64(step)))
    for byte in purpose.utf8 { key = Self.mix(key ^ UInt64(byte)) }
    state = key
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Self.mix(state)
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in [0, 1), 53 bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }
}

extension Tensor {
  /// Independent draws, uniform in `range`.
  public static func uniform(
    _ shape: Shape, in range: ClosedRange<Float>, using generator: inout SeededGenerator
  ) -> Tensor {
    var tensor = Tensor(uninitialized: shape)
    let width = Double(range.upperBound) - Double(range.lowerBound)
    tensor.withMutablePointer {
      for index in 0..<shape.count {
        $0[index] = Float(Double(range.lowerBound) + width * generator.uniform())
      }
    }
    return tensor
  }

  /// Independent draws of a normal distribution around 0 (Box & Muller 1958, one of the two).
  public static func normal(
    _ shape: Shape, deviation: Double, using generator: inout SeededGenerator
  ) -> Tensor {
    var tensor = Tensor(uninitialized: shape)
    tensor.withMutablePointer {
      for index in 0..<shape.count {
        let radius = (-2 * log(1 - generator.uniform())).squareRoot()
        $0[index] = Float(deviation * radius * cos(2 * .pi * generator.uniform()))
      }
    }
    return tensor
  }
}
