import RealModule

extension Naive {
  /// The activation of every element.
  public static func activated<T: Real>(_ x: [T], _ activation: Activation) -> [T] {
    x.map { x in
      switch activation {
      case .silu: x / (1 + T.exp(-x))
      case .geluTanh:
        x / 2 * (1 + T.tanh(T.sqrt(2 / T.pi) * (x + x * x * x * 44715 / 1_000_000)))
      case .gelu: x / 2 * (1 + T.erf(x / T.sqrt(2)))
      case .relu: x > 0 ? x : 0
      }
    }
  }

  /// `silu(gate) * up` of every element.
  public static func siluMultiply<T: Real>(gate: [T], up: [T]) -> [T] {
    zip(activated(gate, .silu), up).map { $0 * $1 }
  }
}

extension Naive {
  /// The function of every element.
  public static func pointwise<T: Real>(_ x: [T], _ function: PointwiseFunction) -> [T] {
    x.map { x in
      switch function {
      case .tanh: T.tanh(x)
      case .sigmoid: 1 / (1 + T.exp(-x))
      case .softplus: T.log(onePlus: T.exp(x))
      case .exp: T.exp(x)
      case .oneMinusExp: -T.expMinusOne(x)
      case .boundedDecay: max(-T.exp(x), -5)
      }
    }
  }

  /// `x * factors + bias`, column by column of rows as wide as the factors.
  public static func scaledChannels<T: Real>(_ x: [T], by factors: [T], plus bias: [T]) -> [T] {
    x.indices.map { x[$0] * factors[$0 % factors.count] + bias[$0 % factors.count] }
  }

  /// Every head divided by its length plus 1e-12.
  public static func normalizedHeads<T: Real>(_ x: [T], headDim: Int) -> [T] {
    stride(from: 0, to: x.count, by: headDim).flatMap { start in
      let head = x[start..<start + headDim]
      let length = T.sqrt(head.reduce(T.zero) { $0 + $1 * $1 })
      return head.map { $0 / (length + T(1) / T(1_000_000_000_000)) }
    }
  }
}
