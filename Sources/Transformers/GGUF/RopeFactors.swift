import Documents
import Foundation

/// llama.cpp stores Llama 3's scaling of rotary frequencies as one divisor for each frequency.
/// Hugging Face's configuration has the parameters from which they were computed.
enum RopeFactors {
  /// The scaling that gives these divisors; empty when all are 1, `nil` when none does.
  static func scaling(of divisors: [Float], headDim: Int, theta: Double) -> JSONObject? {
    guard let factor = divisors.max(), divisors.count == headDim / 2, factor.isFinite else {
      return nil
    }
    if divisors.allSatisfy({ $0 == 1 }) { return JSONObject() }
    // All models of the family have these two; the context they were first trained on varies.
    let (low, high) = (1.0, 4.0)
    for exponent in 4...20 {
      let original = Double(1 << exponent)
      let expected = llama3(
        headDim: headDim, theta: theta, factor: Double(factor), low: low, high: high,
        original: original)
      let isEqual = zip(divisors, expected).allSatisfy { abs(Double($0) - $1) <= 1e-4 * $1 }
      guard isEqual else { continue }
      return JSONObject([
        ("rope_type", "llama3"), ("factor", .number(Double(factor))),
        ("low_freq_factor", .number(low)), ("high_freq_factor", .number(high)),
        ("original_max_position_embeddings", .integer(1 << exponent)),
      ])
    }
    return nil
  }

  /// Wavelengths shorter than `original / high` stay, those longer than `original / low` are
  /// divided by `factor`, those between are interpolated.
  private static func llama3(
    headDim: Int, theta: Double, factor: Double, low: Double, high: Double, original: Double
  ) -> [Double] {
    stride(from: 0, to: headDim, by: 2).map { index in
      let wavelength = 2 * Double.pi * pow(theta, Double(index) / Double(headDim))
      if wavelength < original / high { return 1 }
      if wavelength > original / low { return factor }
      let smooth = (original / wavelength - low) / (high - low)
      return 1 / ((1 - smooth) / factor + smooth)
    }
  }
}
