import RealModule

extension Naive {
  /// One row: the features of one head of one token.
  public static func featureActivation<T: Real>(_ u: [T], _ activation: FeatureActivation) -> [T] {
    let clamp = { (features: [T]) in features.map { max($0, T(1) / T(1_000_000_000_000)) } }
    let negated = u.map { -$0 }
    switch activation {
    case .exponential: return u.map(T.exp) + negated.map(T.exp)
    case .softmax: return clamp(softmax(u) + softmax(negated))
    case .softmaxHalf: return clamp(softmax(u))
    case .shiftedExponential: return clamp(shifted(u) + shifted(negated))
    case .shiftedExponentialHalf: return clamp(shifted(u))
    case .jointSoftmax: return softmax((u + negated).map { 2 * $0 })
    case .onePlusELU: return clamp(u.map { $0 > 0 ? 1 + $0 : T.exp($0) })
    case .relu: return clamp(u.map { max($0, 0) })
    }
  }

  private static func softmax<T: Real>(_ u: [T]) -> [T] {
    let weights = shifted(u)
    let total = weights.reduce(0, +)
    return weights.map { $0 / total }
  }

  private static func shifted<T: Real>(_ u: [T]) -> [T] {
    let maximum = u.max()!
    return u.map { T.exp($0 - maximum) }
  }
}
