import Operations
import TensorCore

extension Tape {
  /// See `Operations.groupNorm`.
  public func groupNorm(
    _ x: Variable, weight: Variable?, bias: Variable?, headDim: Int, epsilon: Float
  ) -> Variable {
    let (output, statistics) = Operations.groupNorm(
      x.value, weight: weight?.value, bias: bias?.value, headDim: headDim, epsilon: epsilon)
    return record([x] + [weight, bias].compactMap { $0 }, output) { gradient in
      let gradients = groupNormGradients(
        gradient, x: x.value, weight: weight?.value, statistics: statistics, headDim: headDim,
        parameterGradients: [weight, bias].contains { $0?.requiresGradient == true })
      return [gradients.input] + (weight == nil ? [] : [gradients.weight])
        + (bias == nil ? [] : [gradients.bias])
    }
  }
}
