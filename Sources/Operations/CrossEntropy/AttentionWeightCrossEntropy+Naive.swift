import RealModule

extension Naive {
  /// Sum of `−Σ_j A_ij log Â_ij` over the rows of one head of one sequence, where
  /// `A = softmax(scale q·k)` over the keys that a query sees.
  ///
  /// - Parameters:
  ///   - queries: `[count, headDim]`.
  ///   - keys: as `queries`.
  ///   - weights: `Â`, `[count, count]`, as `Naive.hybridAttention` returns it.
  ///   - teacherWindow: keys up to its own that a query of the teacher sees; nil: all.
  @inlinable
  public static func attentionWeightCrossEntropy<T: Real>(
    queries: [T], keys: [T], weights: [T], headDim: Int, scale: T, teacherWindow: Int? = nil,
    floor: AttentionWeightFloor = .clamp, cap: T? = nil, isCausal: Bool = true
  ) -> T {
    let count = queries.count / headDim
    var loss: T = 0
    for query in 0..<count {
      let first = teacherWindow.map { max(0, query - $0 + 1) } ?? 0
      let visible = first..<(isCausal ? query + 1 : count)
      let truth = visible.map { key in
        T.exp(
          transformed(
            (0..<headDim).reduce(T.zero) {
              $0 + queries[query * headDim + $1] * keys[key * headDim + $1]
            }, scale: scale, cap: cap))
      }
      let total = truth.reduce(0, +)
      for (key, exponential) in zip(visible, truth) {
        let weight = weights[query * count + key]
        let floored =
          switch floor {
          case .clamp: max(weight, T(1) / T(1_000_000_000_000))
          case .add: weight + T(1) / T(1_000_000_000)
          }
        loss -= exponential / total * T.log(floored)
      }
    }
    return loss
  }
}
