import TensorCore

/// DPFP, the deterministic parameter-free projection (arXiv 2102.11174, section 5.3): with
/// `x = [relu(u) ⊕ relu(−u)]`, for every distance `j` from 1 to `ν` the products of `x` and `x`
/// rolled by `j`, `x_i x_{(i − j) mod 2 dim}`; `2 dim ν` sparse features.
public struct RolledProductFeatures: RowFeatures, Equatable {
  /// `ν`.
  public let distances: Int

  /// Products with neighbours up to so far away.
  public init(distances: Int) {
    precondition(distances > 0, "\(distances) distances")
    self.distances = distances
  }

  public func featureDim(of dim: Int) -> Int { 2 * dim * distances }

  public func map(
    _ u: UnsafePointer<Float>, dim: Int, position: Int32,
    into features: UnsafeMutablePointer<Float>
  ) {
    let width = 2 * dim
    withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { x in
      Self.rectify(u, dim, into: x)
      for distance in 1...distances {
        let line = features + (distance - 1) * width
        for index in 0..<width {
          line[index] = x[index] * x[Self.rolled(index, distance, width)]
        }
      }
    }
  }

  public func mapGradient(
    _ gradient: UnsafePointer<Float>, u: UnsafePointer<Float>, dim: Int, position: Int32,
    into du: UnsafeMutablePointer<Float>
  ) {
    let width = 2 * dim
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * width) { scratch in
      let x = UnsafeMutableBufferPointer(rebasing: scratch[..<width])
      let dx = UnsafeMutableBufferPointer(rebasing: scratch[width...])
      Self.rectify(u, dim, into: x)
      dx.initialize(repeating: 0)
      for distance in 1...distances {
        let line = gradient + (distance - 1) * width
        for index in 0..<width {
          let other = Self.rolled(index, distance, width)
          dx[index] += line[index] * x[other]
          dx[other] += line[index] * x[index]
        }
      }
      for index in 0..<dim {
        du[index] = u[index] > 0 ? dx[index] : (u[index] < 0 ? -dx[dim + index] : 0)
      }
    }
  }

  private static func rectify(
    _ u: UnsafePointer<Float>, _ dim: Int, into x: UnsafeMutableBufferPointer<Float>
  ) {
    for index in 0..<dim {
      x[index] = max(u[index], 0)
      x[dim + index] = max(-u[index], 0)
    }
  }

  /// Where the element comes from that stands at `index` after a roll by `distance`.
  private static func rolled(_ index: Int, _ distance: Int, _ width: Int) -> Int {
    let source = (index - distance) % width
    return source < 0 ? source + width : source
  }
}
