import RealModule

extension Naive {
  /// Of one head of one sequence, by definition: softmax weights of the far keys, row by row, and the
  /// losses of products and logits beside them.
  ///
  /// - Parameters:
  ///   - queries: `[count, headDim]`; so are the keys.
  ///   - products: `p`, `[count, count]`.
  ///   - logits: `z`, one a row.
  ///   - window: keys that a query sees, its own included; nil: all.
  /// - Returns: sums over the rows of the losses, and `m_i`.
  @inlinable
  public static func farAttention<T: Real>(
    queries: [T], keys: [T], products: [T], logits: [T], headDim: Int, scale: T, far: BranchKeys,
    window: Int? = nil, isCausal: Bool = true
  ) -> (rowLoss: T, massLoss: T, masses: [T]) {
    let count = queries.count / headDim
    var (rowLoss, massLoss): (T, T) = (0, 0)
    var masses: [T] = []
    for query in 0..<count {
      let end = isCausal ? query + 1 : count
      let farKeys: Range<Int>
      switch far {
      case .all: farKeys = 0..<end
      case .older(let kept, let sinks):
        farKeys = min(sinks, end)..<max(min(sinks, end), min(end, kept.start(of: query)))
      }
      let seen = window.map { max(0, query - $0 + 1) } ?? 0
      var exponentials = [T](repeating: 0, count: count)
      for key in seen..<end {
        let product = (0..<headDim).reduce(T.zero) {
          $0 + queries[query * headDim + $1] * keys[key * headDim + $1]
        }
        exponentials[key] = T.exp(scale * product)
      }
      let total = exponentials.reduce(0, +)
      masses.append(farKeys.reduce(T.zero) { $0 + exponentials[$1] / total })
      if farKeys.isEmpty { continue }
      let floor = T(1) / T(1_000_000_000)
      let sum = farKeys.reduce(T.zero) { $0 + products[query * count + $1] + floor }
      for key in farKeys {
        rowLoss -=
          exponentials[key] / total
          * T.log((max(products[query * count + key], 0) + floor) / sum)
      }
      let share = 1 / (1 + T.exp(-logits[query]))
      massLoss -= masses[query] * T.log(share) + (1 - masses[query]) * T.log(1 - share)
    }
    return (rowLoss, massLoss, masses)
  }
}
