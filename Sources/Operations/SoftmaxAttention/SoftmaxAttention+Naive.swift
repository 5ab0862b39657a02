import RealModule

extension Naive {
  /// One segment, one head: `queries`, `keys` are `[count, headDim]`, `values` `[count, valueDim]`.
  @inlinable
  public static func softmaxAttention<T: Real>(
    queries: [T], keys: [T], values: [T], headDim: Int, scale: T, window: Int? = nil,
    cap: T? = nil, isCausal: Bool = true
  ) -> (output: [T], weights: [T]) {
    let count = queries.count / headDim
    let valueDim = values.count / max(1, count)
    var output = [T](repeating: 0, count: count * valueDim)
    var weights = [T](repeating: 0, count: count * count)
    for query in 0..<count {
      let first = window.map { max(0, query - $0 + 1) } ?? 0
      let last = isCausal ? query : count - 1
      var normalizer: T = 0
      for key in first...last {
        var product: T = 0
        for index in 0..<headDim {
          product += queries[query * headDim + index] * keys[key * headDim + index]
        }
        weights[query * count + key] = T.exp(transformed(product, scale: scale, cap: cap))
        normalizer += weights[query * count + key]
      }
      for key in first...last {
        weights[query * count + key] /= normalizer
        for index in 0..<valueDim {
          output[query * valueDim + index] +=
            weights[query * count + key] * values[key * valueDim + index]
        }
      }
    }
    return (output, weights)
  }
}
