import Foundation
import TensorCore

/// Rotary position embedding (Su et al. 2021, arXiv 2104.09864) in the layout of the Hugging Face
/// models: coordinate `i` of a head is paired with `i + rotaryDim/2`.
public struct RotaryEmbedding: Sendable, Equatable {
  /// How angular frequencies are stretched for contexts longer than the pretraining's.
  public enum Scaling: Sendable, Equatable {
    case none
    /// All frequencies divided by the factor.
    case linear(factor: Double)
    /// Llama 3: long wavelengths divided by the factor, short ones kept, a ramp between.
    case llama3(
      factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
      originalContext: Double)
    /// LongRoPE (arXiv 2402.13753): each frequency divided by a factor of its own, of one list in
    /// sequences up to the original context and of another in longer ones; what is rotated is
    /// multiplied by the amplitude.
    case longRope(short: [Double], long: [Double], originalContext: Int, amplitude: Double)
    /// YaRN (arXiv 2309.00071): frequencies that turn less than `slowRotations` times in the original
    /// context are divided by the factor, those that turn more than `fastRotations` times are kept, a
    /// ramp between; what is rotated is multiplied by the amplitude.
    ///
    /// - isTruncated: the ends of the ramp are whole pairs.
    case yarn(
      factor: Double, fastRotations: Double, slowRotations: Double, originalContext: Double,
      isTruncated: Bool, amplitude: Double)
    /// A base that grows with the sequence once that is longer than the original context ("dynamic
    /// NTK").
    case dynamic(factor: Double, originalContext: Int)
  }

  /// Leading coordinates of each head that are rotated; even, at most the head dimension.
  public let rotaryDim: Int
  /// Base of the frequencies.
  public let theta: Double
  /// How they were stretched.
  public let scaling: Scaling
  /// Radians per position of each pair, `[rotaryDim / 2]`.
  public let frequencies: [Double]
  /// The same in sequences of more than `originalContext` tokens, where they differ by one list.
  public let longFrequencies: [Double]?
  /// Where they differ by the length of the sequence.
  private let dynamicBase: DynamicBase?
  /// Tokens of the longest sequence whose pairs turn by `frequencies`.
  public let originalContext: Int
  /// Factor of every rotated coordinate.
  public let amplitude: Double

  /// Frequencies `theta^(-2 i / rotaryDim)` of every pair `i`, scaled.
  public init(rotaryDim: Int, theta: Double, scaling: Scaling = .none) {
    precondition(rotaryDim % 2 == 0, "rotary dimension \(rotaryDim) is odd")
    self.rotaryDim = rotaryDim
    self.theta = theta
    self.scaling = scaling
    dynamicBase =
      if case .dynamic(let factor, let context) = scaling {
        DynamicBase(theta: theta, factor: factor, originalContext: context)
      } else { nil }
    if case .longRope(let short, let long, let originalContext, let amplitude) = scaling {
      precondition(
        short.count == rotaryDim / 2 && long.count == rotaryDim / 2,
        "\(short.count) and \(long.count) factors for \(rotaryDim / 2) pairs")
      let divided = { (factors: [Double]) in
        factors.enumerated().map { pair, factor in
          let power = Float(pow(theta, Double(Float(2 * pair) / Float(rotaryDim))))
          return Double(1 / (Float(factor) * power))
        }
      }
      frequencies = divided(short)
      longFrequencies = divided(long)
      self.originalContext = originalContext
      self.amplitude = amplitude
      return
    }
    longFrequencies = nil
    originalContext = dynamicBase?.originalContext ?? .max
    amplitude = if case .yarn(_, _, _, _, _, let amplitude) = scaling { amplitude } else { 1 }
    let kept = Self.keptShares(rotaryDim: rotaryDim, theta: theta, scaling)
    frequencies = Self.unscaled(rotaryDim: rotaryDim, theta: theta).enumerated().map {
      pair, frequency in
      switch scaling {
      case .none, .longRope, .dynamic:
        return frequency
      case .yarn(let factor, _, _, _, _, _):
        return frequency / factor * (1 - kept[pair]) + frequency * kept[pair]
      case .linear(let factor):
        return frequency / factor
      case .llama3(let factor, let low, let high, let originalContext):
        let wavelength = 2 * Double.pi / frequency
        if wavelength < originalContext / high { return frequency }
        if wavelength > originalContext / low { return frequency / factor }
        let smooth = (originalContext / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    }
  }

  /// transformers computes these in 32-bit floats; the tables follow it to the last bit that matters
  /// at long positions.
  private static func unscaled(rotaryDim: Int, theta: Double) -> [Double] {
    (0..<rotaryDim / 2).map {
      Double(1 / Float(pow(theta, Double(Float(2 * $0) / Float(rotaryDim)))))
    }
  }

  /// What share of a pair's frequency YaRN keeps; empty for other scalings.
  private static func keptShares(rotaryDim: Int, theta: Double, _ scaling: Scaling) -> [Double] {
    guard case .yarn(_, let fast, let slow, let context, let isTruncated, _) = scaling else {
      return []
    }
    // The pair that turns so many times in the original context.
    let pair = { (rotations: Double) in
      Double(rotaryDim) * log(context / (rotations * 2 * .pi)) / (2 * log(theta))
    }
    let low = max(0, isTruncated ? pair(fast).rounded(.down) : pair(fast))
    var high = min(Double(rotaryDim - 1), isTruncated ? pair(slow).rounded(.up) : pair(slow))
    if low == high { high += 0.001 }
    return (0..<rotaryDim / 2).map { 1 - min(1, max(0, (Double($0) - low) / (high - low))) }
  }

  /// Radians per position of each pair in sequences of so many tokens.
  public func frequencies(context: Int) -> [Double] {
    guard context > originalContext else { return frequencies }
    if let longFrequencies { return longFrequencies }
    guard let dynamicBase else { return frequencies }
    return Self.unscaled(
      rotaryDim: rotaryDim, theta: dynamicBase.theta(context: context, rotaryDim: rotaryDim))
  }

  /// Whether frequencies depend on the sequence's length by more than one list for short sequences
  /// and one for long ones.
  public var isDynamic: Bool { dynamicBase != nil }

  /// Whether tokens turn otherwise in sequences of the one length than of the other.
  public func differs(between context: Int, and other: Int) -> Bool {
    if longFrequencies == nil, dynamicBase == nil { return false }
    return frequencies(context: context) != frequencies(context: other)
  }

  private struct DynamicBase: Sendable, Equatable {
    let theta, factor: Double
    let originalContext: Int

    func theta(context: Int, rotaryDim: Int) -> Double {
      let growth = factor * Double(context) / Double(originalContext) - (factor - 1)
      return theta * pow(growth, Double(rotaryDim) / Double(rotaryDim - 2))
    }
  }

  /// Rotates every head of `x` in place. `inverse` turns the other way, which is the gradient, and
  /// undoes it where the amplitude is 1.
  ///
  /// - Parameters:
  ///   - x: `[tokens, heads * headDim]`.
  ///   - layout: tells positions, and how long the sequences are that rows belong to.
  public func rotate(
    _ x: inout Tensor, headDim: Int, layout: SequenceLayout, inverse: Bool = false
  ) {
    var lists = [frequencies]
    var listOf: [Int] = []
    for segment in layout.segments where segment.context > originalContext {
      if listOf.isEmpty { listOf = Array(repeating: 0, count: layout.rows) }
      let list = frequencies(context: segment.context)
      let index = lists.firstIndex(of: list) ?? lists.count
      if index == lists.count { lists.append(list) }
      for row in segment.rows { listOf[row] = index }
    }
    rotate(
      &x, headDim: headDim, positions: layout.positions, lists, listOf, inverse: inverse)
  }

  /// The same where all sequences are within the original context.
  ///
  /// - Parameter positions: `[tokens]`.
  public func rotate(_ x: inout Tensor, headDim: Int, positions: [Int32], inverse: Bool = false) {
    rotate(&x, headDim: headDim, positions: positions, [frequencies], [], inverse: inverse)
  }

  /// - Parameters:
  ///   - lists: of frequencies, the first of sequences within the original context.
  ///   - listOf: which of them every token turns by; none where all turn by the first.
  private func rotate(
    _ x: inout Tensor, headDim: Int, positions: [Int32], _ lists: [[Double]], _ listOf: [Int],
    inverse: Bool
  ) {
    let width = x.shape[1]
    let heads = width / headDim
    let half = rotaryDim / 2
    let (cosines, sines) = tables(positions, lists, listOf, inverse: inverse)
    withPointers(writing(&x), cosines, sines) { x, cosines, sines in
      WorkerPool.shared.parallelRanges(positions.count * heads, minimum: 32 * heads) { range in
        for index in range {
          let (token, head) = (index / heads, index % heads)
          let (cosine, sine) = (cosines + token &* half, sines + token &* half)
          let low = x + (token &* width &+ head &* headDim)
          Self.rotate(half, low, low + half, cosine, sine)
        }
      }
    }
  }

  private static func rotate(
    _ pairs: Int, _ low: UnsafeMutablePointer<Float>, _ high: UnsafeMutablePointer<Float>,
    _ cosine: UnsafePointer<Float>, _ sine: UnsafePointer<Float>
  ) {
    for pair in 0..<pairs {
      let (a, b) = (low[pair], high[pair])
      low[pair] = a * cosine[pair] - b * sine[pair]
      high[pair] = b * cosine[pair] + a * sine[pair]
    }
  }

  /// Cosines and sines, `[tokens, rotaryDim / 2]` each. Consecutive tokens mostly have consecutive
  /// positions, but documents and decoding restart them, so each token carries its own row.
  private func tables(
    _ positions: [Int32], _ lists: [[Double]], _ listOf: [Int], inverse: Bool
  ) -> (Tensor, Tensor) {
    let half = frequencies.count
    var cosines = Tensor(uninitialized: [positions.count, half])
    var sines = Tensor(uninitialized: [positions.count, half])
    withPointers(writing(&cosines), writing(&sines)) { cosines, sines in
      WorkerPool.shared.parallelRanges(positions.count, minimum: 64) { tokens in
        for token in tokens {
          fillRow(
            Float(positions[token]), lists[listOf.isEmpty ? 0 : listOf[token]],
            cosines + token * half, sines + token * half,
            inverse: inverse)
        }
      }
    }
    return (cosines, sines)
  }

  /// One token's row of both tables. Frequencies are looked up once a token: once an element they
  /// are counted by reference as often, which cost 3 % of a small teacher's forward pass.
  private func fillRow(
    _ position: Float, _ frequencies: [Double], _ cosines: UnsafeMutablePointer<Float>,
    _ sines: UnsafeMutablePointer<Float>, inverse: Bool
  ) {
    let amplitude = Float(amplitude)
    for pair in 0..<frequencies.count {
      let angle = position * Float(frequencies[pair])
      cosines[pair] = Float(cos(Double(angle))) * amplitude
      sines[pair] = Float(sin(Double(angle))) * (inverse ? -amplitude : amplitude)
    }
  }
}
