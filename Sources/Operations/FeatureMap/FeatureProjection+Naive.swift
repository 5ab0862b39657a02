import RealModule

extension Naive {
  /// `u[t, h] = x[t, h / group] W[h] + b[h] (+ x)`.
  public static func featureProjection<T: Real>(
    _ x: [T], weight: [T], bias: [T]?, shape: FeatureProjectionShape
  ) -> [T] {
    let (d, f) = (shape.headDim, shape.projectionDim)
    let tokens = x.count / shape.inputWidth
    var u = [T](repeating: 0, count: tokens * shape.outputWidth)
    for position in u.indices {
      let (token, column) = (position / shape.outputWidth, position % shape.outputWidth)
      let (head, feature) = (column / f, column % f)
      let input = token * shape.inputWidth + head / shape.group * d
      var total: T = shape.skipConnection ? x[input + feature] : 0
      if let bias { total += bias.count == shape.queryHeads ? bias[head] : bias[column] }
      for index in 0..<d {
        total += x[input + index] * weight[(head * d + index) * f + feature]
      }
      u[position] = total
    }
    return u
  }
}
