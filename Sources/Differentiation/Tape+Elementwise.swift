import Operations
import TensorCore

extension Tape {
  /// See `PointwiseFunction`.
  public func pointwise(_ x: Variable, _ function: PointwiseFunction) -> Variable {
    let output = Operations.pointwise(x.value, function)
    return record([x], output) { [pointwiseGradient($0, output: output, function)] }
  }

  /// `left ⊙ right`, equal shapes.
  public func multiply(_ left: Variable, _ right: Variable) -> Variable {
    record([left, right], product(left.value, right.value)) { gradient in
      [
        left.requiresGradient ? product(gradient, right.value) : nil,
        right.requiresGradient ? product(gradient, left.value) : nil,
      ]
    }
  }

  /// `x ⊙ factors (+ bias)`, every row alike; see `Operations.scaledChannels`.
  public func scaleChannels(_ x: Variable, by factors: Variable, plus bias: Variable? = nil)
    -> Variable
  {
    let output = scaledChannels(x.value, by: factors.value, plus: bias?.value)
    return record([x, factors] + (bias.map { [$0] } ?? []), output) { gradient in
      [
        x.requiresGradient ? scaledChannels(gradient, by: factors.value) : nil,
        factors.requiresGradient
          ? scaledChannelsFactorGradient(gradient, x: x.value, factors: factors.value) : nil,
      ]
        + (bias.map {
          [
            $0.requiresGradient
              ? columnSums(gradient, width: $0.value.count).reshaped($0.value.shape) : nil
          ]
        } ?? [])
    }
  }

  /// See `Operations.normalizedHeads`.
  public func normalizeHeads(_ x: Variable, headDim: Int) -> Variable {
    record([x], normalizedHeads(x.value, headDim: headDim)) {
      [normalizedHeadsGradient($0, x: x.value, headDim: headDim)]
    }
  }
}
