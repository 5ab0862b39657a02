import TensorCore

/// Gradients of `windowBranch`, shaped as queries, keys and values.
///
/// - Parameter logScales: of the forward pass.
public func windowBranchGradients(
  _ gradients: AttentionBranchGradients, queries: Tensor, keys: Tensor, values: Tensor,
  logScales: Tensor, attention: AttentionShape, window: AttentionWindow, sinks: Int,
  layout: SequenceLayout
) -> (queries: Tensor, keys: Tensor, values: Tensor) {
  let shape = HybridAttentionShape.softmax(attention, window: window, sinks: sinks)
  let found = HybridOperands.window(queries: queries, keys: keys, values: values).gradients(
    gradients.seed, maxima: logScales, windowFactors: shape.unweighted, shape: shape,
    layout: layout, products: true, values: true)
  return (found.queries!, found.keys!, found.values!)
}

/// Gradients of `featureBranch`, shaped as query features, key features and values; those of values
/// only where asked for.
public func featureBranchGradients(
  _ gradients: AttentionBranchGradients, queryFeatures: Tensor, keyFeatures: Tensor,
  values: Tensor, attention: AttentionShape, keys source: BranchKeys, layout: SequenceLayout,
  valueGradient: Bool = true
) -> (queryFeatures: Tensor, keyFeatures: Tensor, values: Tensor?) {
  let shape = HybridAttentionShape.linear(
    attention, featureDim: queryFeatures.shape[1] / attention.queryHeads, source)
  let found = HybridOperands.features(
    queries: queryFeatures, keys: keyFeatures, values: values
  ).gradients(
    gradients.seed, maxima: Tensor(zeros: [layout.rows, attention.queryHeads]),
    windowFactors: shape.unweighted, shape: shape, layout: layout, products: false,
    values: valueGradient)
  return (found.queryFeatures, found.keyFeatures, found.values)
}

extension AttentionBranchGradients {
  fileprivate var seed: HybridSeed {
    .branch(numerators: numerators, denominators: denominators, logScales: logScales)
  }
}
