import RealModule

extension Naive {
  /// `weight` and `bias` are as long as a row of `x`.
  public static func groupNorm<T: Real>(
    _ x: [T], weight: [T], bias: [T], headDim: Int, epsilon: T
  ) -> [T] {
    var output = x
    for start in stride(from: 0, to: x.count, by: headDim) {
      let head = x[start..<start + headDim]
      let mean = head.reduce(T.zero, +) / T(headDim)
      let variance = head.reduce(T.zero) { $0 + ($1 - mean) * ($1 - mean) } / T(headDim)
      for index in head.indices {
        let channel = index % weight.count
        output[index] =
          (x[index] - mean) / T.sqrt(variance + epsilon) * weight[channel] + bias[channel]
      }
    }
    return output
  }
}
