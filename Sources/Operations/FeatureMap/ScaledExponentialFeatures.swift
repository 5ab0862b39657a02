import CVectorKernels
import Foundation
import TensorCore

/// `exp(t u)`, the exponential map of Hedgehog's study (arXiv 2402.04347, section 3.2).
///
/// Exponents above 34 count as 34: then no product of two features, summed over heads of 128 and
/// a million keys, overflows.
public struct ScaledExponentialFeatures: RowFeatures, Equatable {
  /// `t`, which multiplies coordinates.
  public let temperature: Float
  static let largestExponent = 34.0
  private let largest: Float

  /// The map of a temperature.
  public init(temperature: Float) {
    self.temperature = temperature
    largest = Float(exp(Self.largestExponent))
  }

  public func featureDim(of dim: Int) -> Int { dim }

  public func map(
    _ u: UnsafePointer<Float>, dim: Int, position: Int32,
    into features: UnsafeMutablePointer<Float>
  ) {
    _ = vk_exp_sum(u, features, dim, temperature, 0)
    for index in 0..<dim { features[index] = min(features[index], largest) }
  }

  public func mapGradient(
    _ gradient: UnsafePointer<Float>, u: UnsafePointer<Float>, dim: Int, position: Int32,
    into du: UnsafeMutablePointer<Float>
  ) {
    _ = vk_exp_sum(u, du, dim, temperature, 0)
    for index in 0..<dim {
      du[index] = du[index] < largest ? gradient[index] * temperature * du[index] : 0
    }
  }
}
