import TensorCore

/// Matrices with 1 on their diagonals and 0 elsewhere.
///
/// - Parameter shape: `[matrices, rows, columns]`.
public func identityMatrices(_ shape: Shape) -> Tensor {
  precondition(shape.rank == 3, "\(shape)")
  let (matrices, rows, columns) = (shape[0], shape[1], shape[2])
  var result = Tensor(zeros: shape)
  result.withMutablePointer { result in
    for matrix in 0..<matrices {
      for index in 0..<min(rows, columns) {
        result[(matrix * rows + index) * columns + index] = 1
      }
    }
  }
  return result
}
