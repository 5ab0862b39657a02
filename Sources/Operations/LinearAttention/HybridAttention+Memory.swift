import TensorCore

/// Makes features of keys when they are read into sums, and not before: until then a memory holds
/// the keys alone.
///
/// - Parameters:
///   - keys: `[count, keyValueHeads * headDim]`.
///   - positions: theirs in the sequence.
/// - Returns: `[count, queryHeads * featureDim]`, of every key by itself.
public typealias KeyFeatureMap = (_ keys: Tensor, _ positions: [Int32]) -> Tensor

extension HybridAttentionShape {
  /// The memory that `continuedHybridAttention` goes on from, of an empty past. Its size does not
  /// depend on how many tokens are read into it.
  ///
  /// - Precondition: the attention is causal; what a bidirectional one says of a token changes
  ///   with every later one.
  public func makeMemory() -> Memory {
    var memory = Memory()
    addMemory(to: &memory, "")
    return memory
  }

  /// Adds it to that of a layer.
  ///
  /// - Parameter prefix: of its names there.
  func addMemory(to memory: inout Memory, _ prefix: String) {
    precondition(attention.isCausal, "bidirectional attention cannot be decoded: \(self)")
    if keepsSums {
      memory.add(
        prefix + "sums", Tensor(zeros: [1, attention.queryHeads, featureDim, attention.headDim]))
      memory.add(prefix + "normalizers", Tensor(zeros: [1, attention.queryHeads, featureDim]))
    }
    let kept =
      (keepsKeys ? [("keys", window.mostKept), ("values", window.mostKept)] : [])
      + (keepsSinks ? [("sink_keys", sinks), ("sink_values", sinks)] : [])
    for (name, capacity) in kept {
      memory.add(prefix + name, KeptRows(width: attention.keyWidth, capacity: capacity))
    }
  }

  /// Whether keys that softmax does not see are read into sums.
  var keepsSums: Bool { featureDim > 0 }
  /// Whether keys wait for that, or are seen by softmax.
  var keepsKeys: Bool { window != .none }
  /// Whether softmax sees the first keys for good.
  var keepsSinks: Bool { hasWindow && sinks > 0 }
}

extension AttentionWindow {
  /// Most keys from the first that a chunk's first query sees to the chunk's last.
  fileprivate var mostKept: Int {
    switch self {
    case .none: 0
    case .sliding(let size): size - 1 + chunkLength
    // Where blocks end with chunks, no chunk reaches into a third block.
    case .terrace(let size): size % chunkLength == 0 ? 2 * size : 2 * size + chunkLength
    }
  }
}

/// Outputs of a sequence's next tokens; shapes as in `hybridAttention`.
///
/// - Parameters:
///   - keyFeatures: asked once for every key: when it leaves the window, or where there is none when
///     it comes.
///   - memory: of `HybridAttentionShape.makeMemory`; its position is left to the caller.
public func continuedHybridAttention(
  queries: Tensor, keys: Tensor, values: Tensor, queryFeatures: Tensor,
  keyFeatures: @escaping KeyFeatureMap, windowFactors: Tensor, shape: HybridAttentionShape,
  memory: inout Memory
) -> Tensor {
  HybridTokens(
    queries: queries, keys: keys, values: values, queryFeatures: queryFeatures,
    keyFeatures: keyFeatures
  ).continued(shape, [shape], windowFactors: windowFactors, divides: true, memory: &memory, "")[0]
  .numerators
}

/// A sequence's next tokens; rows as in `hybridAttention`.
struct HybridTokens {
  let queries, keys, values, queryFeatures: Tensor
  let keyFeatures: KeyFeatureMap

  /// What the parts say of the tokens: outputs, or numerators, denominators and log scales where
  /// they are not to be divided.
  ///
  /// - Parameters:
  ///   - shape: of the memory.
  ///   - parts: the same, or the same without features or with a muted window.
  func continued(
    _ shape: HybridAttentionShape, _ parts: [HybridAttentionShape], windowFactors: Tensor,
    divides: Bool, memory: inout Memory, _ prefix: String
  ) -> [AttentionBranch] {
    var state = HybridAttentionState(shape, &memory, prefix)
    let result = state.advance(
      self, parts, factors: windowFactors.elements, divides: divides)
    state.put(into: &memory, prefix)
    return result
  }
}
