import RealModule

extension Naive {
  /// Layer norm of rows as wide as the weight.
  public static func layerNorm<T: Real>(_ x: [T], weight: [T], bias: [T], epsilon: T) -> [T] {
    let width = weight.count
    var output = x
    for row in stride(from: 0, to: x.count, by: width) {
      var mean: T = 0
      for column in 0..<width { mean += x[row + column] / T(width) }
      var variance: T = 0
      for column in 0..<width {
        variance += (x[row + column] - mean) * (x[row + column] - mean) / T(width)
      }
      let reciprocal = 1 / T.sqrt(variance + epsilon)
      for column in 0..<width {
        output[row + column] = (x[row + column] - mean) * reciprocal * weight[column] + bias[column]
      }
    }
    return output
  }
}
