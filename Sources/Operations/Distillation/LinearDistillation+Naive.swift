import RealModule

extension Naive {
  /// `KL(p ‖ q)` of a row of probabilities `p` and logits `z` of `q`; with `kept`, of the bins
  /// that these tokens and all others together make.
  public static func distillationDivergence<T: Real>(_ p: [T], _ z: [T], kept: [Int]?) -> T {
    let maximum = z.max()!
    let total = z.reduce(T.zero) { $0 + T.exp($1 - maximum) }
    let logQ = z.map { $0 - maximum - T.log(total) }
    func term(_ p: T, _ logQ: T) -> T { p == 0 ? 0 : p * (T.log(p) - logQ) }
    guard let kept else { return zip(p, logQ).reduce(T.zero) { $0 + term($1.0, $1.1) } }
    let others = p.indices.filter { !kept.contains($0) }
    let bin = term(
      others.reduce(T.zero) { $0 + p[$1] }, T.log(others.reduce(T.zero) { $0 + T.exp(logQ[$1]) }))
    return kept.reduce(bin) { $0 + term(p[$1], logQ[$1]) }
  }
}
