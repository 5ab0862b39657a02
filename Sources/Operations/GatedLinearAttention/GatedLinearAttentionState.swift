import TensorCore

/// Square heads of a gated linear attention, each with keys of its own.
public struct GatedLinearAttentionShape: Sendable, Equatable {
  /// Heads of all operands.
  public let heads: Int
  /// Coordinates of a key and of a value.
  public let headDim: Int
  /// Factor of the outputs; `1/sqrt(headDim)` unless given.
  public let scale: Float

  /// The shape of a layer.
  public init(heads: Int, headDim: Int, scale: Float? = nil) {
    self.heads = heads
    self.headDim = headDim
    self.scale = scale ?? 1 / Float(headDim).squareRoot()
  }

  /// Columns of every operand.
  public var width: Int { heads * headDim }

  /// The same as the shape of a recurrent operation.
  public var recurrent: RecurrentShape {
    RecurrentShape(queryHeads: heads, keyDim: headDim, scale: scale)
  }
}

/// The state of `gatedLinearAttention` over one sequence, with its position.
public struct GatedLinearAttentionState: Sendable {
  /// Heads of the layer.
  public let shape: GatedLinearAttentionShape
  /// Tokens seen.
  public private(set) var position = 0
  private var state: RecurrentState<Tensor>

  /// The state before the first token, zeros.
  public init(_ shape: GatedLinearAttentionShape) {
    self.shape = shape
    state = RecurrentState(emptyFor: shape.recurrent)
  }

  /// A state as `position` and `states` of another say.
  init(_ shape: GatedLinearAttentionShape, position: Int, states: Tensor) {
    self.shape = shape
    self.position = position
    state = RecurrentState(
      sums: states.reshaped([1, shape.heads, shape.headDim, shape.headDim]))
  }

  /// Of every head, `[heads, headDim, headDim]`.
  public var states: Tensor {
    state.sums.reshaped([shape.heads, shape.headDim, shape.headDim])
  }

  /// The same state to be advanced otherwise.
  public func copied() -> GatedLinearAttentionState { self }

  /// Bytes held, the same after any number of tokens.
  public var bytes: Int { state.sums.count * MemoryLayout<Float>.stride }

  /// Outputs of the next tokens; shapes as in `gatedLinearAttention`.
  public mutating func advance(queries: Tensor, keys: Tensor, values: Tensor, logDecays: Tensor)
    -> Tensor
  {
    let tokens = queries.shape[0]
    if tokens == 0 { return queries }
    let result = gatedLinearAttention(
      queries: queries, keys: keys, values: values, decay: .channel(logDecays),
      shape: shape.recurrent,
      layout: SequenceLayout(
        rows: tokens, segments: [.init(start: 0, count: tokens, firstPosition: position)]),
      initial: state)
    state = result.final
    position += tokens
    return result.numerator
  }
}
