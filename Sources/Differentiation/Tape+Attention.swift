import Operations
import TensorCore

extension Tape {
  /// See `Operations.softmaxAttention`.
  public func softmaxAttention(
    queries: Variable, keys: Variable, values: Variable, shape: AttentionShape,
    layout: SequenceLayout, window: Int? = nil
  ) -> Variable {
    let (output, logNormalizers) = Operations.softmaxAttention(
      queries: queries.value, keys: keys.value, values: values.value, shape: shape,
      layout: layout, window: window)
    return record([queries, keys, values], output) { gradient in
      let gradients = softmaxAttentionGradients(
        gradient, queries: queries.value, keys: keys.value, values: values.value, output: output,
        logNormalizers: logNormalizers, shape: shape, layout: layout, window: window)
      return [gradients.queries, gradients.keys, gradients.values]
    }
  }

  /// See `Operations.featureProjection`.
  public func featureProjection(
    _ x: Variable, weight: Variable, bias: Variable?, shape: FeatureProjectionShape
  ) -> Variable {
    let output = Operations.featureProjection(
      x.value, weight: weight.value, bias: bias?.value, shape: shape)
    return record([x, weight] + (bias.map { [$0] } ?? []), output) { gradient in
      let gradients = featureProjectionGradients(
        gradient, x: x.value, weight: weight.value, bias: bias?.value, shape: shape,
        inputGradient: x.requiresGradient,
        weightGradient: weight.requiresGradient || bias?.requiresGradient == true)
      return [gradients.input, gradients.weight] + (bias == nil ? [] : [gradients.bias])
    }
  }

  /// See `Operations.featureActivation`.
  public func featureActivation(_ u: Variable, _ activation: FeatureActivation, f: Int)
    -> Variable
  {
    let features = Operations.featureActivation(u.value, activation, f: f)
    // Most maps are differentiated from their features alone, which attention keeps anyway.
    let input = activation.gradientReadsInput ? u.value : nil
    return record([u], features) { gradient in
      [featureActivationGradient(gradient, u: input, features: features, activation, f: f)]
    }
  }

  /// See `Operations.hybridAttention`. `windowFactors` is nil without a window.
  public func hybridAttention(
    queries: Variable, keys: Variable, values: Variable, queryFeatures: Variable,
    keyFeatures: Variable, windowFactors: Variable?, shape: HybridAttentionShape,
    layout: SequenceLayout
  ) -> Variable {
    let factors = windowFactors ?? constant(Tensor(zeros: [0]))
    let (output, statistics) = Operations.hybridAttention(
      queries: queries.value, keys: keys.value, values: values.value,
      queryFeatures: queryFeatures.value, keyFeatures: keyFeatures.value,
      windowFactors: factors.value, shape: shape, layout: layout)
    let inputs = [queries, keys, values, queryFeatures, keyFeatures, factors]
    return record(inputs, output) { gradient in
      let gradients = hybridAttentionGradients(
        gradient, queries: queries.value, keys: keys.value, values: values.value,
        queryFeatures: queryFeatures.value, keyFeatures: keyFeatures.value,
        windowFactors: factors.value, output: output, statistics: statistics, shape: shape,
        layout: layout, projections: [queries, keys, values].contains { $0.requiresGradient })
      return [
        gradients.queries, gradients.keys, gradients.values, gradients.queryFeatures,
        gradients.keyFeatures, gradients.windowFactors,
      ]
    }
  }
}
