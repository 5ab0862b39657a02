import TensorCore

extension GatedLinearAttentionShape {
  /// The memory that `continuedGatedLinearAttention` goes on from, of an empty past: one state a
  /// head, whatever is read.
  public func makeMemory() -> Memory {
    var memory = Memory()
    memory.add("state", Tensor(zeros: [heads, headDim, headDim]))
    return memory
  }
}

extension DeltaRuleShape {
  /// The memory that `continuedDeltaRule` goes on from, of an empty past: one state a head, whatever
  /// is read.
  public func makeMemory() -> Memory {
    var memory = Memory()
    memory.add("state", Tensor(zeros: [heads, headDim, headDim]))
    return memory
  }
}

/// Outputs of a sequence's next tokens; shapes as in `gatedLinearAttention`.
///
/// - Parameter memory: of `GatedLinearAttentionShape.makeMemory`; its position is left to the caller.
public func continuedGatedLinearAttention(
  queries: Tensor, keys: Tensor, values: Tensor, logDecays: Tensor,
  shape: GatedLinearAttentionShape, memory: inout Memory
) -> Tensor {
  var state = GatedLinearAttentionState(
    shape, position: memory.position, states: memory.take("state"))
  let output = state.advance(
    queries: queries, keys: keys, values: values, logDecays: logDecays)
  memory["state"] = state.states
  return output
}

/// Outputs of a sequence's next tokens; shapes as in `deltaRule`.
///
/// - Parameter memory: of `DeltaRuleShape.makeMemory`; its position is left to the caller.
public func continuedDeltaRule(
  receptances: Tensor, logDecays: Tensor, keys: Tensor, values: Tensor, removals: Tensor,
  writes: Tensor, shape: DeltaRuleShape, memory: inout Memory
) -> Tensor {
  var state = DeltaRuleState(shape, position: memory.position, states: memory.take("state"))
  let output = state.advance(
    receptances: receptances, logDecays: logDecays, keys: keys, values: values,
    removals: removals, writes: writes)
  memory["state"] = state.states
  return output
}
