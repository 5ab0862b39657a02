import Differentiation
import Operations
import TensorCore

/// Softmax attention over a window and attention sinks, untrained: what a student does with its
/// memory switched off, and what a teacher does without any student (arXiv 2309.17453).
public final class SoftmaxWindowMixer: AttentionWeightMixer {
  private let softmax: SoftmaxBranch

  /// - Parameter sinks: first tokens of a sequence that every query sees.
  public init(_ attention: AttentionShape, window: AttentionWindow, sinks: Int) {
    precondition(window != .none, "softmax needs a window")
    softmax = SoftmaxBranch(attention: attention, window: window, sinks: sinks)
  }

  public var parameters: [Parameter] { [] }

  public func mix(_ input: MixerInput, on tape: Tape) -> Variable {
    tape.branchQuotient(softmax.read(input, on: tape))
  }

  public func makeState() -> any MixerState { State(softmax.makeState()) }

  private final class State: MixerState {
    private var state: WindowBranchState

    init(_ state: WindowBranchState) { self.state = state }

    var position: Int { state.position }
    var bytes: Int { state.bytes }

    func copy() -> any MixerState { State(state.copied()) }

    func advance(_ input: MixerInput) -> Tensor {
      let branch = state.advance(
        queries: input.queries.value, keys: input.keys.value, values: input.values.value)
      return branchQuotient(
        numerators: branch.numerators, denominators: branch.denominators)
    }
  }
}
