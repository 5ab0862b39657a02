import Operations
import TensorCore

extension Tape {
  /// `x Wᵀ (+ bias)` with frozen weights, `[outputs, inputs]`; see `frozenLinear`.
  public func linear(_ x: Variable, _ weight: StoredTensor, bias: Tensor? = nil) -> Variable {
    var output = frozenLinear(x.value, weight)
    if let bias { addBias(bias, to: &output) }
    return record([x], output) { [frozenLinearInputGradient($0, weight)] }
  }

  /// `x Wᵀ` with trained weights, `[outputs, inputs]`.
  public func linear(_ x: Variable, _ weight: Variable) -> Variable {
    let output = matrixProduct(x.value, weight.value, rightTransposed: true)
    return record([x, weight], output) { gradient in
      [
        x.requiresGradient ? matrixProduct(gradient, weight.value) : nil,
        weight.requiresGradient ? matrixProduct(gradient, x.value, leftTransposed: true) : nil,
      ]
    }
  }

  public func add(_ left: Variable, _ right: Variable) -> Variable {
    record([left, right], sum(left.value, right.value)) { [$0, $0] }
  }

  /// `left + factor * right`.
  public func add(_ left: Variable, _ factor: Float, _ right: Variable) -> Variable {
    var output = left.value
    accumulate(right.value, scaledBy: factor, into: &output)
    return record([left, right], output) { [$0, scaled($0, by: factor)] }
  }

  /// Sets elements to 0 with the given probability and scales the others so that the expectation
  /// stays; the draws come from `generator`, so that a checkpointed layer draws the same again.
  public func dropout(_ x: Variable, probability: Float, generator: SeededGenerator) -> Variable {
    if probability == 0 { return x }
    let mask = dropoutMask(x.value.shape, probability: probability, generator: generator)
    return record([x], product(x.value, mask)) { [product($0, mask)] }
  }
}
