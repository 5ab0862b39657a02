import Foundation
import TensorCore

/// cosFormer's features (arXiv 2202.08791, section 3.2) of the token at position `i`,
///
///     [relu(u) cos(π i / 2N) ⊕ relu(u) sin(π i / 2N)],
///
/// so that the product of two is `relu(q)·relu(k) cos(π (i − j) / 2N)`: positive, and smaller the
/// further apart the tokens, for positions below the maximum length `N`.
public struct CosineFeatures: RowFeatures, Equatable {
  /// `N`, in tokens.
  public let maximumLength: Int

  /// Features for sequences of at most so many tokens.
  public init(maximumLength: Int) {
    precondition(maximumLength > 0, "a maximum length of \(maximumLength)")
    self.maximumLength = maximumLength
  }

  public func featureDim(of dim: Int) -> Int { 2 * dim }

  private func factors(_ position: Int32) -> (cosine: Float, sine: Float) {
    precondition(
      position < maximumLength, "position \(position) of a map for \(maximumLength) positions")
    let angle = 0.5 * Double.pi * Double(position) / Double(maximumLength)
    return (Float(cos(angle)), Float(sin(angle)))
  }

  public func map(
    _ u: UnsafePointer<Float>, dim: Int, position: Int32,
    into features: UnsafeMutablePointer<Float>
  ) {
    let (cosine, sine) = factors(position)
    for index in 0..<dim {
      let positive = max(u[index], 0)
      features[index] = positive * cosine
      features[dim + index] = positive * sine
    }
  }

  public func mapGradient(
    _ gradient: UnsafePointer<Float>, u: UnsafePointer<Float>, dim: Int, position: Int32,
    into du: UnsafeMutablePointer<Float>
  ) {
    let (cosine, sine) = factors(position)
    for index in 0..<dim {
      du[index] = u[index] > 0 ? gradient[index] * cosine + gradient[dim + index] * sine : 0
    }
  }
}
