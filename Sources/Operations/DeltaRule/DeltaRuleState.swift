import TensorCore

/// Square heads of a delta rule, each with keys of its own.
public struct DeltaRuleShape: Sendable, Equatable {
  /// Heads of all operands.
  public let heads: Int
  /// Coordinates of a key and of a value.
  public let headDim: Int
  /// Multiplies outputs.
  public let scale: Float

  /// The shape of a layer.
  public init(heads: Int, headDim: Int, scale: Float = 1) {
    self.heads = heads
    self.headDim = headDim
    self.scale = scale
  }

  /// The same as the shape of a recurrent operation.
  public var recurrent: RecurrentShape {
    RecurrentShape(queryHeads: heads, keyDim: headDim, scale: scale)
  }
}

/// The state of `deltaRule` over one sequence, with its position.
public struct DeltaRuleState: Sendable {
  /// Heads of the layer.
  public let shape: DeltaRuleShape
  /// Tokens seen.
  public private(set) var position = 0
  private var state: RecurrentState<Tensor>

  /// The state before the first token, zeros.
  public init(_ shape: DeltaRuleShape) {
    self.shape = shape
    state = RecurrentState(emptyFor: shape.recurrent)
  }

  /// A state as `position` and `states` of another say.
  init(_ shape: DeltaRuleShape, position: Int, states: Tensor) {
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
  public func copied() -> DeltaRuleState { self }

  /// Bytes of all heads' states.
  public var bytes: Int { state.sums.count * MemoryLayout<Float>.stride }

  /// Outputs of the next tokens; shapes as in `deltaRule`, without padding.
  public mutating func advance(
    receptances: Tensor, logDecays: Tensor, keys: Tensor, values: Tensor, removals: Tensor,
    writes: Tensor
  ) -> Tensor {
    let tokens = receptances.shape[0]
    if tokens == 0 { return receptances }
    let (result, _) = deltaRule(
      queries: receptances, keys: keys, values: values, removals: removals, writes: writes,
      decay: .channel(logDecays), shape: shape.recurrent,
      layout: SequenceLayout(
        rows: tokens, segments: [.init(start: 0, count: tokens, firstPosition: position)]),
      initial: state, savesForGradients: false)
    state = result.final
    position += tokens
    return result.numerator
  }
}
