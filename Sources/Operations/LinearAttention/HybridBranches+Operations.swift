extension AttentionShape {
  /// Floating-point operations of `windowBranch`, forward, a token of a sequence of so many; see
  /// `HybridAttentionShape.operations`.
  public func windowBranchOperations(window: AttentionWindow, sinks: Int, length: Int) -> Double {
    HybridAttentionShape.softmax(self, window: window, sinks: sinks).operations(length: length)
  }

  /// Floating-point operations of `featureBranch`, forward, a token of a sequence of so many; see
  /// `HybridAttentionShape.operations`.
  public func featureBranchOperations(featureDim: Int, keys: BranchKeys, length: Int) -> Double {
    HybridAttentionShape.linear(self, featureDim: featureDim, keys).operations(length: length)
  }
}
