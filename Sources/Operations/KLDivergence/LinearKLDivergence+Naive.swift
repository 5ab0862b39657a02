import RealModule

extension Naive {
  /// `KL(softmax(x Wᵀ) ‖ softmax(y Uᵀ))` of every row.
  public static func linearKLDivergence<T: Real>(
    _ x: [T], head w: [T], width: Int, to y: [T], head u: [T], width otherWidth: Int, cap: T? = nil
  ) -> [T] {
    let vocabulary = w.count / width
    func logProbabilities(_ x: [T], _ head: [T], _ width: Int, row: Int) -> [T] {
      let logits = (0..<vocabulary).map { token in
        transformed(
          (0..<width).reduce(T.zero) { $0 + x[row * width + $1] * head[token * width + $1] },
          scale: 1, cap: cap)
      }
      let maximum = logits.max()!
      let normalizer = T.log(logits.reduce(T.zero) { $0 + T.exp($1 - maximum) }) + maximum
      return logits.map { $0 - normalizer }
    }
    return (0..<x.count / width).map { row in
      let p = logProbabilities(x, w, width, row: row)
      let q = logProbabilities(y, u, otherWidth, row: row)
      return zip(p, q).reduce(T.zero) { $0 + T.exp($1.0) * ($1.0 - $1.1) }
    }
  }
}
