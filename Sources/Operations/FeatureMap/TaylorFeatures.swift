import CVectorKernels
import TensorCore

/// Features whose product is the second-order Taylor polynomial of softmax's exponential,
/// `φq·φk = 1 + s + s²/2` with `s = scale q·k` (Based, arXiv 2402.18668, section 3.1):
///
///     [1, √scale u_i, scale/√2 u_i², scale u_i u_j (i < j)]
///
/// of dimension `1 + dim + dim (dim + 1) / 2`: 153 for 16 coordinates, 2145 for 64. The product is
/// at least 1/2, but grows with `s` only from −1 on.
public struct TaylorFeatures: RowFeatures, Equatable {
  /// Factor of the query-key products that the features stand for.
  public let scale: Float

  /// The map for products of a scale.
  public init(scale: Float) { self.scale = scale }

  public func featureDim(of dim: Int) -> Int { 1 + dim + dim * (dim + 1) / 2 }

  public func map(
    _ u: UnsafePointer<Float>, dim: Int, position: Int32,
    into features: UnsafeMutablePointer<Float>
  ) {
    features[0] = 1
    vk_scale(u, features + 1, scale.squareRoot(), dim)
    let squares = features + 1 + dim
    let squareFactor = scale * Float(0.5).squareRoot()
    for index in 0..<dim { squares[index] = squareFactor * u[index] * u[index] }
    var products = squares + dim
    for index in 0..<dim {
      let count = dim - index - 1
      vk_scale(u + index + 1, products, scale * u[index], count)
      products += count
    }
  }

  public func mapGradient(
    _ gradient: UnsafePointer<Float>, u: UnsafePointer<Float>, dim: Int, position: Int32,
    into du: UnsafeMutablePointer<Float>
  ) {
    vk_scale(gradient + 1, du, scale.squareRoot(), dim)
    let squares = gradient + 1 + dim
    let squareFactor = 2 * scale * Float(0.5).squareRoot()
    for index in 0..<dim { du[index] += squareFactor * u[index] * squares[index] }
    var products = squares + dim
    for index in 0..<dim {
      let count = dim - index - 1
      du[index] += scale * vk_dot(products, u + index + 1, count)
      vk_add_scaled(du + index + 1, products, scale * u[index], count)
      products += count
    }
  }
}
