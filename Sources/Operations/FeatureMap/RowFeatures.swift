import TensorCore

/// A fixed map, without parameters, from the coordinates of one head of one token to features.
///
/// A row is `dim` coordinates `u`. Rows are mapped one by one, in parallel, so a map knows nothing
/// of other tokens but its own position.
public protocol RowFeatures: Sendable {
  /// Features made of `dim` coordinates.
  func featureDim(of dim: Int) -> Int

  /// Writes the features of one row, `featureDim(of: dim)` of them.
  func map(
    _ u: UnsafePointer<Float>, dim: Int, position: Int32,
    into features: UnsafeMutablePointer<Float>)

  /// Writes the gradient for `u`, `dim` elements, from that of the features.
  func mapGradient(
    _ gradient: UnsafePointer<Float>, u: UnsafePointer<Float>, dim: Int, position: Int32,
    into du: UnsafeMutablePointer<Float>)
}

/// `[tokens, heads * dim] -> [tokens, heads * featureDim]`, head by head.
///
/// - Parameter positions: of the tokens in their sequences.
public func rowFeatures(
  _ u: Tensor, _ map: some RowFeatures, dim: Int, positions: [Int32]
) -> Tensor {
  let tokens = u.shape[0]
  let heads = u.shape[1] / dim
  precondition(u.shape[1] == heads * dim && positions.count == tokens, "\(u.shape) for \(map)")
  let width = map.featureDim(of: dim)
  var features = Tensor(uninitialized: [tokens, heads * width])
  withPointers(writing(&features), u) { features, u in
    WorkerPool.shared.parallelRanges(tokens * heads, minimum: 64) { range in
      for row in range {
        map.map(
          u + row * dim, dim: dim, position: positions[row / heads],
          into: features + row * width)
      }
    }
  }
  return features
}

/// Gradient of `rowFeatures` for `u`.
public func rowFeaturesGradient(
  _ gradient: Tensor, u: Tensor, _ map: some RowFeatures, dim: Int, positions: [Int32]
) -> Tensor {
  let heads = u.shape[1] / dim
  let width = map.featureDim(of: dim)
  precondition(gradient.shape == [u.shape[0], heads * width], "\(gradient.shape) for \(u.shape)")
  var result = Tensor(uninitialized: u.shape)
  withPointers(writing(&result), gradient, u) { result, gradient, u in
    WorkerPool.shared.parallelRanges(positions.count * heads, minimum: 64) { range in
      for row in range {
        map.mapGradient(
          gradient + row * width, u: u + row * dim, dim: dim, position: positions[row / heads],
          into: result + row * dim)
      }
    }
  }
  return result
}
