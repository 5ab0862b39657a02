import TensorCore

/// `Σ_c left[r, c] right[r, c]` of every row, summed in Double: cosines of rows of length 1.
///
/// - Parameters:
///   - left: `[rows, width]`.
///   - right: the same shape.
public func rowProducts(_ left: Tensor, _ right: Tensor) -> [Double] {
  precondition(left.shape == right.shape, "\(left.shape) against \(right.shape)")
  let (rows, width) = (left.shape[0], left.shape[1])
  return withPointers(left, right) { left, right in
    (0..<rows).map { row in
      (row * width..<(row + 1) * width).reduce(0.0) { $0 + Double(left[$1]) * Double(right[$1]) }
    }
  }
}

/// Products of all pairs of different rows, each pair once, row by row.
///
/// - Parameter x: `[rows, width]`.
/// - Returns: `[rows * (rows − 1) / 2]`.
public func pairProducts(_ x: Tensor) -> Tensor {
  let rows = x.shape[0]
  let products = matrixProduct(x, x, rightTransposed: true)
  var pairs = Tensor(uninitialized: [rows * (rows - 1) / 2])
  withPointers(writing(&pairs), products) { pairs, products in
    var next = pairs
    for row in 0..<rows {
      let count = rows - row - 1
      next.update(from: products + row * rows + row + 1, count: count)
      next += count
    }
  }
  return pairs
}
