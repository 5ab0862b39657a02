/// `[rows, columns] -> [columns, rows]`.
public func transposed(_ matrix: Tensor) -> Tensor {
  precondition(matrix.shape.rank == 2, "\(matrix.shape) is not a matrix")
  let (rows, columns) = (matrix.shape[0], matrix.shape[1])
  var result = Tensor(uninitialized: [columns, rows])
  result.withMutablePointer { result in
    matrix.withPointer { source in
      for row in 0..<rows {
        for column in 0..<columns { result[column * rows + row] = source[row * columns + column] }
      }
    }
  }
  return result
}
