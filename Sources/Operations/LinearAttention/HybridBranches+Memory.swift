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

  /// Adds what `featureBranch` remembers: the sums of the keys read so far, and the keys and values
  /// that are still in the window.
  ///
  /// - Parameter prefix: of its names.
  public mutating func addFeatureBranch(
    _ attention: AttentionShape, featureDim: Int, keys: BranchKeys, prefix: String = ""
  ) {
    HybridAttentionShape.linear(attention, featureDim: featureDim, keys)
      .addMemory(to: &self, prefix)
  }

  /// Adds what a window branch and a feature branch of the keys that leave its window remember
  /// together: no key twice.
  ///
  /// - Parameter prefix: of its names.
  public mutating func addWindowAndFeatureBranches(
    _ attention: AttentionShape, featureDim: Int, window: AttentionWindow, sinks: Int,
    prefix: String = ""
  ) {
    HybridAttentionShape.both(attention, featureDim: featureDim, window: window, sinks: sinks)
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
  return HybridTokens(
    queries: queries, keys: keys, values: values,
    queryFeatures: Tensor(zeros: [values.shape[0], 0]),
    keyFeatures: { keys, _ in Tensor(zeros: [keys.shape[0], 0]) }
  ).continued(
    shape, [shape], windowFactors: shape.unweighted, divides: false, memory: &memory, prefix)[0]
}

/// The branch of a sequence's next tokens; shapes as in `featureBranch`, memory and prefix as in
/// `Memory.addFeatureBranch`.
///
/// - Parameters:
///   - keys: `[tokens, keyValueHeads * headDim]`.
///   - keyFeatures: asked once for every key, when it is read into the sums.
public func featureBranch(
  queryFeatures: Tensor, keys: Tensor, keyFeatures: @escaping KeyFeatureMap, values: Tensor,
  attention: AttentionShape, source: BranchKeys, memory: inout Memory, prefix: String = ""
) -> AttentionBranch {
  let shape = HybridAttentionShape.linear(
    attention, featureDim: queryFeatures.shape[1] / attention.queryHeads, source)
  // A mute window reads no queries.
  return HybridTokens(
    queries: queryFeatures, keys: keys, values: values, queryFeatures: queryFeatures,
    keyFeatures: keyFeatures
  ).continued(
    shape, [shape], windowFactors: shape.unweighted, divides: false, memory: &memory, prefix)[0]
}

/// Both branches of a sequence's next tokens, the features' of the keys that have left the window, bit
/// by bit as each by itself; memory and prefix as in `Memory.addWindowAndFeatureBranches`.
///
/// - Parameter keyFeatures: asked once for every key, when it is read into the sums.
public func windowAndFeatureBranches(
  queries: Tensor, keys: Tensor, values: Tensor, queryFeatures: Tensor,
  keyFeatures: @escaping KeyFeatureMap, attention: AttentionShape, window: AttentionWindow,
  sinks: Int, memory: inout Memory, prefix: String = ""
) -> (window: AttentionBranch, features: AttentionBranch) {
  let shape = HybridAttentionShape.both(
    attention, featureDim: queryFeatures.shape[1] / attention.queryHeads, window: window,
    sinks: sinks)
  let branches = HybridTokens(
    queries: queries, keys: keys, values: values, queryFeatures: queryFeatures,
    keyFeatures: keyFeatures
  ).continued(
    shape, [.softmax(attention, window: window, sinks: sinks), shape.withMutedWindow],
    windowFactors: shape.unweighted, divides: false, memory: &memory, prefix)
  return (branches[0], branches[1])
}

extension HybridAttentionShape {
  fileprivate static func both(
    _ attention: AttentionShape, featureDim: Int, window: AttentionWindow, sinks: Int
  ) -> HybridAttentionShape {
    precondition(window != .none, "softmax needs a window")
    return HybridAttentionShape(
      attention: attention, featureDim: featureDim, window: window, sinks: sinks)
  }
}
