import Differentiation
import Operations
import TensorCore

/// Softmax attention over a window and attention sinks, untrained: what a student does with its
/// linear half switched off, and what a teacher does without any student (arXiv 2309.17453).
///
/// It is hybrid attention with features of no dimension, so window and sinks are exactly the
/// student's.
public final class SoftmaxWindowMixer: AttentionWeightMixer {
  private let shape: HybridAttentionShape

  /// - Parameter sinks: first tokens of a sequence that every query sees.
  public init(_ attention: AttentionShape, window: AttentionWindow, sinks: Int) {
    precondition(window != .none, "softmax needs a window")
    shape = HybridAttentionShape(attention: attention, featureDim: 0, window: window, sinks: sinks)
  }

  public var parameters: [Parameter] { [] }

  public func mix(_ input: MixerInput, on tape: Tape) -> Variable {
    let features = tape.constant(Tensor(zeros: [input.layout.rows, 0]))
    return tape.hybridAttention(
      queries: input.queries, keys: input.keys, values: input.values, queryFeatures: features,
      keyFeatures: features, windowFactors: tape.constant(factors), shape: shape,
      layout: input.layout)
  }

  public func makeState() -> any MixerState { State(shape, factors) }

  /// Any γ does: it cancels where nothing stands beside the window.
  private var factors: Tensor { Tensor(zeros: [shape.attention.queryHeads]) }

  private final class State: MixerState {
    private var state: HybridAttentionState
    private let factors: Tensor

    init(_ shape: HybridAttentionShape, _ factors: Tensor) {
      state = HybridAttentionState(shape)
      self.factors = factors
    }

    private init(_ other: State) { (state, factors) = (other.state.copied(), other.factors) }

    var position: Int { state.position }
    var bytes: Int { state.bytes }

    func copy() -> any MixerState { State(self) }

    func advance(_ input: MixerInput) -> Tensor {
      let queries = input.queries.value
      let features = Tensor(zeros: [queries.shape[0], 0])
      return state.advance(
        queries: queries, keys: input.keys.value, values: input.values.value,
        queryFeatures: features, keyFeatures: features, windowFactors: factors)
    }
  }
}
