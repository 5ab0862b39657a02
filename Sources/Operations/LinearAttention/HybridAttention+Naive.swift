import RealModule

extension Naive {
  /// One head of one sequence by its definition, quadratic; `factor` is the logit of γ.
  ///
  /// - Returns: outputs `[count, headDim]` and normalised weights `[count, count]`.
  @inlinable
  public static func hybridAttention<T: Real>(
    queries: [T], keys: [T], values: [T], queryFeatures: [T], keyFeatures: [T], factor: T,
    headDim d: Int, featureDim f: Int, scale: T, window: AttentionWindow, sinks: Int,
    isAffine: Bool, mutesWindow: Bool = false, cap: T? = nil, isCausal: Bool = true
  ) -> (output: [T], weights: [T]) {
    let count = queries.count / d
    let gamma = 1 / (1 + T.exp(-factor))
    let lambda: T = isAffine ? 1 - gamma : 1
    var output = [T](repeating: 0, count: count * d)
    var weights = [T](repeating: 0, count: count * count)
    for i in 0..<count {
      let end = isCausal ? i + 1 : count
      let visible = (0..<end).map { j in
        window != .none && (j < sinks || j >= window.start(of: i))
      }
      let products = (0..<end).map { j in
        transformed(
          (0..<d).reduce(T.zero) { $0 + queries[i * d + $1] * keys[j * d + $1] }, scale: scale,
          cap: cap)
      }
      let maximum = zip(products, visible).filter(\.1).map(\.0).max() ?? 0
      var normalizer: T = window == .none || mutesWindow ? T(1) / T(1_000_000_000_000) : 0
      for j in 0..<end {
        let weight =
          visible[j]
          ? mutesWindow ? 0 : gamma * T.exp(products[j] - maximum)
          : lambda
            * (0..<f).reduce(T.zero) { $0 + queryFeatures[i * f + $1] * keyFeatures[j * f + $1] }
        weights[i * count + j] = weight
        normalizer += weight
      }
      for j in 0..<end {
        weights[i * count + j] /= normalizer
        for index in 0..<d {
          output[i * d + index] += weights[i * count + j] * values[j * d + index]
        }
      }
    }
    return (output, weights)
  }
}
