import RealModule

extension Naive {
  /// Root-mean-square norm of rows as wide as the weight.
  public static func rmsNorm<T: Real>(_ x: [T], weight: [T], epsilon: T) -> [T] {
    let width = weight.count
    var output = x
    for row in stride(from: 0, to: x.count, by: width) {
      var squares: T = 0
      for column in 0..<width { squares += x[row + column] * x[row + column] }
      let reciprocal = 1 / T.sqrt(squares / T(width) + epsilon)
      for column in 0..<width {
        output[row + column] = x[row + column] * reciprocal * weight[column]
      }
    }
    return output
  }
}
