import TensorCore

/// `op(left) * op(right)` of matrices, `[m, k] x [k, n] -> [m, n]`; the rows of the result are
/// split over the workers.
///
/// - Parameter rowsApart: every row of the result has the bits that it has alone.
public func matrixProduct(
  _ left: Tensor, _ right: Tensor, leftTransposed: Bool = false, rightTransposed: Bool = false,
  rowsApart: Bool = false
) -> Tensor {
  let m = leftTransposed ? left.shape[1] : left.shape[0]
  let n = rightTransposed ? right.shape[0] : right.shape[1]
  var product = Tensor(uninitialized: [m, n])
  multiply(
    left, right, leftTransposed: leftTransposed, rightTransposed: rightTransposed, beta: 0,
    rowsApart: rowsApart, into: &product)
  return product
}

/// `total += op(left) * right`.
public func addProduct(
  _ left: Tensor, _ right: Tensor, leftTransposed: Bool = false, to total: inout Tensor
) {
  multiply(
    left, right, leftTransposed: leftTransposed, rightTransposed: false, beta: 1, into: &total)
}

private func multiply(
  _ left: Tensor, _ right: Tensor, leftTransposed: Bool, rightTransposed: Bool, beta: Float,
  rowsApart: Bool = false, into product: inout Tensor
) {
  let (m, k) = leftTransposed ? (left.shape[1], left.shape[0]) : (left.shape[0], left.shape[1])
  let n = rightTransposed ? right.shape[0] : right.shape[1]
  precondition(
    (rightTransposed ? right.shape[1] : right.shape[0]) == k && product.shape == [m, n],
    "cannot multiply \(left.shape) by \(right.shape)")
  let leftStride = left.shape[1]
  let rightStride = right.shape[1]
  withPointers(writing(&product), left, right) { product, left, right in
    if TileProduct.pays(n: n, k: k) {
      TileProduct(
        m: m, n: n, k: k, left: Matrix(left, stride: leftStride, transposed: leftTransposed),
        right: .matrix(Matrix(right, stride: rightStride, transposed: rightTransposed)), beta: beta
      ).write(to: product, stride: n)
      return
    }
    let multiply = { (rows: Range<Int>) in
      BLAS.multiply(
        m: rows.count, n: n, k: k,
        Matrix(
          left + (leftTransposed ? rows.lowerBound : rows.lowerBound * leftStride),
          stride: leftStride, transposed: leftTransposed),
        Matrix(right, stride: rightStride, transposed: rightTransposed), beta: beta,
        into: product + rows.lowerBound * n, stride: n)
    }
    if rowsApart {
      // The kernel of one row is another than that of several.
      WorkerPool.shared.parallel(m) { multiply($0..<$0 + 1) }
    } else {
      WorkerPool.shared.parallelRanges(m, minimum: 16, multiply)
    }
  }
}
