import TensorCore

/// The recurrent form of `windowBranch` over one sequence: the keys and values of the window, and
/// the sinks. Fed in pieces of any size it gives what the whole gives.
public struct WindowBranchState {
  private var state: HybridAttentionState

  public init(_ attention: AttentionShape, window: AttentionWindow, sinks: Int) {
    state = HybridAttentionState(.softmax(attention, window: window, sinks: sinks))
  }

  /// Tokens seen.
  public var position: Int { state.position }
  public var bytes: Int { state.bytes }

  /// The same state to be advanced otherwise.
  public func copied() -> WindowBranchState {
    var copy = self
    copy.state = state.copied()
    return copy
  }

  /// The branch of the next tokens; shapes as in `windowBranch`.
  public mutating func advance(queries: Tensor, keys: Tensor, values: Tensor) -> AttentionBranch {
    state.advance(
      .window(queries: queries, keys: keys, values: values),
      windowFactors: state.shape.unweighted, divides: false)
  }
}

/// The recurrent form of `featureBranch` over one sequence: the sums of the keys read so far, and
/// the features and values of those still in the window.
public struct FeatureBranchState {
  private var state: HybridAttentionState

  public init(_ attention: AttentionShape, featureDim: Int, keys: BranchKeys) {
    state = HybridAttentionState(.linear(attention, featureDim: featureDim, keys))
  }

  /// Tokens seen.
  public var position: Int { state.position }
  public var bytes: Int { state.bytes }

  /// The same state to be advanced otherwise.
  public func copied() -> FeatureBranchState {
    var copy = self
    copy.state = state.copied()
    return copy
  }

  /// The branch of the next tokens; shapes as in `featureBranch`.
  public mutating func advance(queryFeatures: Tensor, keyFeatures: Tensor, values: Tensor)
    -> AttentionBranch
  {
    state.advance(
      .features(queries: queryFeatures, keys: keyFeatures, values: values),
      windowFactors: state.shape.unweighted, divides: false)
  }
}
