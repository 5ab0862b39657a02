import Operations
import TensorCore

extension Tape {
  /// See `Operations.gatedLinearAttention`.
  public func gatedLinearAttention(
    queries: Variable, keys: Variable, values: Variable, logDecays: Variable,
    shape: GatedLinearAttentionShape, layout: SequenceLayout
  ) -> Variable {
    let output = Operations.gatedLinearAttention(
      queries: queries.value, keys: keys.value, values: values.value, logDecays: logDecays.value,
      shape: shape, layout: layout)
    return record([queries, keys, values, logDecays], output) { gradient in
      let gradients = gatedLinearAttentionGradients(
        gradient, queries: queries.value, keys: keys.value, values: values.value,
        logDecays: logDecays.value, shape: shape, layout: layout)
      return [gradients.queries, gradients.keys, gradients.values, gradients.logDecays]
    }
  }

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

  /// See `Operations.tokenShiftDifference`. What lies `before` a segment is a constant.
  public func tokenShiftDifference(
    _ x: Variable, layout: SequenceLayout, before: Tensor? = nil
  ) -> Variable {
    record([x], Operations.tokenShiftDifference(x.value, layout: layout, before: before)) {
      [tokenShiftDifferenceGradient($0, layout: layout)]
    }
  }
}
