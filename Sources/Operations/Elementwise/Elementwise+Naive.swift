import RealModule

extension Naive {
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

  public static func siluMultiply<T: Real>(gate: [T], up: [T]) -> [T] {
    zip(activated(gate, .silu), up).map { $0 * $1 }
  }
}
