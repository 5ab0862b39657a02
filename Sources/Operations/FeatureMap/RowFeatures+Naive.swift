import RealModule

extension Naive {
  /// `exp(t u)`.
  public static func scaledExponentialFeatures<T: Real>(_ u: [T], temperature: T) -> [T] {
    u.map { T.exp(min(temperature * $0, 34)) }
  }

  /// cosFormer's features of one row.
  public static func cosineFeatures<T: Real>(_ u: [T], position: T, maximumLength: T) -> [T] {
    let angle = T.pi * position / (2 * maximumLength)
    let positive = u.map { max($0, 0) }
    return positive.map { $0 * T.cos(angle) } + positive.map { $0 * T.sin(angle) }
  }

  /// Features of `1 + s + s²/2`.
  public static func taylorFeatures<T: Real>(_ u: [T], scale: T) -> [T] {
    var features = [1] + u.map { T.sqrt(scale) * $0 } + u.map { scale * $0 * $0 / T.sqrt(2) }
    for i in u.indices { for j in u.indices where j > i { features.append(scale * u[i] * u[j]) } }
    return features
  }

  /// DPFP.
  public static func rolledProductFeatures<T: Real>(_ u: [T], distances: Int) -> [T] {
    let x = u.map { max($0, 0) } + u.map { max(-$0, 0) }
    return (1...distances).flatMap { distance in
      x.indices.map { x[$0] * x[($0 + distance * (x.count - 1)) % x.count] }
    }
  }

  /// FAVOR+: `directions` are `[count, u.count]`. Queries are shifted to a largest exponent of 0,
  /// keys by `keyShift`.
  public static func randomFeatures<T: Real>(
    _ u: [T], directions: [T], scale: T, epsilon: T, keyShift: T, ofQueries: Bool
  ) -> [T] {
    let count = directions.count / u.count
    let x = u.map { $0 * T.sqrt(scale) }
    let norm = x.reduce(T.zero) { $0 + $1 * $1 }
    let exponents = (0..<count).map { row in
      x.indices.reduce(-norm / 2) { $0 + directions[row * u.count + $1] * x[$1] }
    }
    let shift = ofQueries ? exponents.max()! : keyShift
    return exponents.map { (T.exp($0 - shift) + epsilon) / T.sqrt(T(count)) }
  }
}
