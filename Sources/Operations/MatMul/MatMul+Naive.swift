import RealModule

extension Naive {
  /// `op(left) op(right)`: `left` is `[m, k]`, `right` `[k, n]`, or `[n, k]` when transposed.
  public static func matrixProduct<T: Real>(
    _ left: [T], _ right: [T], m: Int, n: Int, k: Int, rightTransposed: Bool = false
  ) -> [T] {
    var product = [T](repeating: 0, count: m * n)
    for row in 0..<m {
      for column in 0..<n {
        for inner in 0..<k {
          let factor = rightTransposed ? right[column * k + inner] : right[inner * n + column]
          product[row * n + column] += left[row * k + inner] * factor
        }
      }
    }
    return product
  }
}
