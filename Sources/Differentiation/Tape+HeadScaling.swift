import Operations
import TensorCore

extension Tape {
  /// See `Operations.scaledHeads`.
  public func scaleHeads(_ x: Variable, by factors: Variable, heads: Int) -> Variable {
    let output = scaledHeads(x.value, by: factors.value, heads: heads)
    return record([x, factors], output) { gradient in
      [
        x.requiresGradient ? scaledHeads(gradient, by: factors.value, heads: heads) : nil,
        factors.requiresGradient
          ? scaledHeadsFactorGradient(gradient, x: x.value, factors: factors.value, heads: heads)
          : nil,
      ]
    }
  }
}
