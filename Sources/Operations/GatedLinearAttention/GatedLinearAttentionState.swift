import TensorCore

/// The recurrent form of `gatedLinearAttention` over one sequence: one matrix a head, whose size
/// does not depend on how many tokens it has seen.
public struct GatedLinearAttentionState {
  public let shape: GatedLinearAttentionShape
  /// Tokens seen.
  public private(set) var position = 0
  /// `S` of every head, `[heads, headDim, headDim]`, key channels by value channels.
  public private(set) var states: Tensor

  public init(_ shape: GatedLinearAttentionShape) {
    self.shape = shape
    states = Tensor(zeros: [shape.heads, shape.headDim, shape.headDim])
  }

  /// A state as `position` and `states` of another say.
  init(_ shape: GatedLinearAttentionShape, position: Int, states: Tensor) {
    self.shape = shape
    self.position = position
    self.states = states
  }

  /// The same state to be advanced otherwise; it is copied now and not when one is advanced.
  public func copied() -> GatedLinearAttentionState {
    var copy = self
    copy.states.withMutablePointer { _ in }
    return copy
  }

  public var bytes: Int { states.count * MemoryLayout<Float>.stride }

  /// Outputs of the next tokens; shapes as in `gatedLinearAttention`.
  public mutating func advance(queries: Tensor, keys: Tensor, values: Tensor, logDecays: Tensor)
    -> Tensor
  {
    let tokens = queries.shape[0]
    let (shape, position) = (shape, position)
    shape.check(queries, keys, values, logDecays, rows: tokens)
    var output = Tensor(uninitialized: queries.shape)
    if tokens == 0 { return output }
    let operands = GatedOperands(
      queries: queries, keys: keys, values: values, logDecays: logDecays)
    withMutablePointers(&output, &states) { output, states in
      operands.withHeads(shape: shape, layout: SequenceLayout(length: tokens)) { head, offset in
        head.forward(
          state: states + offset * shape.headDim, firstPosition: position, output: output + offset)
      }
    }
    self.position += tokens
    return output
  }
}
