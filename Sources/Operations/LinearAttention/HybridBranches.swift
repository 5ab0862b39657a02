import TensorCore

/// The keys that a linear branch reads.
public enum BranchKeys: Sendable, Equatable {
  /// Every key up to the query's own, or every key where attention is bidirectional.
  case all
  /// Those that have left the window and are no sinks: with the keys of `windowBranch` of the same
  /// window and sinks they are all keys, each once.
  case older(AttentionWindow, sinks: Int)
}

/// Softmax over a window and attention sinks, not yet divided: with `𝒲` the keys that the query at
/// `i` sees,
///
///     m_i = max_𝒲 scale q_i·k_j,  N_i = Σ_𝒲 exp(scale q_i·k_j − m_i) v_j,  D_i = Σ_𝒲 exp(…)
///
/// Time and memory are linear in the length.
///
/// - Parameters:
///   - queries: `[tokens, queryHeads * headDim]`; keys, values: `[tokens, keyValueHeads * headDim]`.
///   - sinks: first tokens of a sequence that every later query sees.
/// - Returns: see `AttentionBranch`; zeros on padding.
public func windowBranch(
  queries: Tensor, keys: Tensor, values: Tensor, attention: AttentionShape,
  window: AttentionWindow, sinks: Int, layout: SequenceLayout
) -> AttentionBranch {
  attention.check(queries: queries, keys: keys, values: values, rows: layout.rows)
  return HybridOperands.window(queries: queries, keys: keys, values: values).branch(
    .softmax(attention, window: window, sinks: sinks), layout: layout)
}

/// Linear attention over features, not yet divided: with `ℒ` the keys of `source`,
///
///     m_i = 0,  N_i = Σ_ℒ (φq_i·φk_j) v_j,  D_i = Σ_ℒ φq_i·φk_j
///
/// - Parameters:
///   - queryFeatures: `[tokens, queryHeads * featureDim]`.
///   - keyFeatures: as `queryFeatures`.
///   - values: `[tokens, keyValueHeads * headDim]`.
/// - Returns: see `AttentionBranch`; zeros on padding.
public func featureBranch(
  queryFeatures: Tensor, keyFeatures: Tensor, values: Tensor, attention: AttentionShape,
  keys source: BranchKeys, layout: SequenceLayout
) -> AttentionBranch {
  let shape = HybridAttentionShape.linear(
    attention, featureDim: queryFeatures.shape[1] / attention.queryHeads, source)
  precondition(
    queryFeatures.shape == [layout.rows, shape.featureWidth]
      && keyFeatures.shape == queryFeatures.shape
      && values.shape == [layout.rows, attention.keyWidth],
    "features \(queryFeatures.shape), \(keyFeatures.shape), values \(values.shape) for \(shape)")
  return HybridOperands.features(
    queries: queryFeatures, keys: keyFeatures, values: values
  ).branch(shape, layout: layout)
}

extension HybridAttentionShape {
  /// The window alone: features of no dimension say nothing of older keys.
  static func softmax(_ attention: AttentionShape, window: AttentionWindow, sinks: Int)
    -> HybridAttentionShape
  {
    precondition(window != .none, "softmax needs a window")
    return HybridAttentionShape(attention: attention, featureDim: 0, window: window, sinks: sinks)
  }

  static func linear(_ attention: AttentionShape, featureDim: Int, _ keys: BranchKeys)
    -> HybridAttentionShape
  {
    let (window, sinks) =
      switch keys {
      case .all: (AttentionWindow.none, 0)
      case .older(let window, let sinks): (window, sinks)
      }
    return HybridAttentionShape(
      attention: attention, featureDim: featureDim, window: window, sinks: sinks, mutesWindow: true)
  }

  /// γ = 1.
  var unweighted: Tensor { Tensor(repeating: .infinity, [attention.queryHeads]) }
}

extension HybridOperands {
  static func window(queries: Tensor, keys: Tensor, values: Tensor) -> HybridOperands {
    let none = Tensor(zeros: [values.shape[0], 0])
    return HybridOperands(
      queries: queries, keys: keys, values: values, queryFeatures: none, keyFeatures: none)
  }

  /// Where the window is mute nothing reads its queries and keys.
  static func features(queries: Tensor, keys: Tensor, values: Tensor) -> HybridOperands {
    HybridOperands(
      queries: values, keys: values, values: values, queryFeatures: queries, keyFeatures: keys)
  }

  func branch(_ shape: HybridAttentionShape, layout: SequenceLayout) -> AttentionBranch {
    let attention = shape.attention
    var result = AttentionBranch(
      tokens: layout.rows, heads: attention.queryHeads, valueDim: attention.headDim)
    withPointers(
      writing(&result.numerators), writing(&result.denominators), writing(&result.logScales)
    ) { numerators, denominators, logScales in
      withHeads(shape: shape, layout: layout, windowFactors: shape.unweighted) { head, slot in
        head.forward(
          output: numerators + slot * attention.headDim, maxima: logScales + slot,
          normalizers: denominators + slot, divides: false)
      }
    }
    return result
  }
}
