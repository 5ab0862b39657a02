import TensorCore

// Branches that go on from a memory, whose position is left to the caller. Fed in pieces of any size
// they give what the whole gives.

extension Memory {
  /// Adds what `windowBranch` remembers: the keys and values of the window, and the sinks.
  ///
  /// - Parameter prefix: of its names.
  public mutating func addWindowBranch(
    _ attention: AttentionShape, window: AttentionWindow, sinks: Int, prefix: String = ""
  ) {
    HybridAttentionShape.softmax(attention, window: window, sinks: sinks)
      .addMemory(to: &self, prefix)
  }

  /// Adds what `featureBranch` remembers: the sums of the keys read so far, and the
  /// features and values of those still in the window.
  ///
  /// - Parameter prefix: of its names.
  public mutating func addFeatureBranch(
    _ attention: AttentionShape, featureDim: Int, keys: BranchKeys, prefix: String = ""
  ) {
    HybridAttentionShape.linear(attention, featureDim: featureDim, keys)
      .addMemory(to: &self, prefix)
  }
}

/// The branch of a sequence's next tokens; shapes as in `windowBranch`, memory and prefix as in
/// `Memory.addWindowBranch`.
public func windowBranch(
  queries: Tensor, keys: Tensor, values: Tensor, attention: AttentionShape,
  window: AttentionWindow, sinks: Int, memory: inout Memory, prefix: String = ""
) -> AttentionBranch {
  let shape = HybridAttentionShape.softmax(attention, window: window, sinks: sinks)
  return HybridOperands.window(queries: queries, keys: keys, values: values).continued(
    shape, windowFactors: shape.unweighted, divides: false, memory: &memory, prefix)
}

/// The branch of a sequence's next tokens; shapes as in `featureBranch`, memory and prefix as in
/// `Memory.addFeatureBranch`.
public func featureBranch(
  queryFeatures: Tensor, keyFeatures: Tensor, values: Tensor, attention: AttentionShape,
  keys source: BranchKeys, memory: inout Memory, prefix: String = ""
) -> AttentionBranch {
  let shape = HybridAttentionShape.linear(
    attention, featureDim: queryFeatures.shape[1] / attention.queryHeads, source)
  return HybridOperands.features(
    queries: queryFeatures, keys: keyFeatures, values: values
  ).continued(
    shape, windowFactors: shape.unweighted, divides: false, memory: &memory, prefix)
}
