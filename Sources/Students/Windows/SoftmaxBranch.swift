import Differentiation
import Operations
import TensorCore

/// Softmax over a window and sinks as the branch of a layer.
struct SoftmaxBranch {
  let attention: AttentionShape
  let window: AttentionWindow
  let sinks: Int

  func read(_ input: MixerInput, on tape: Tape) -> BranchVariables {
    tape.windowBranch(
      queries: input.queries, keys: input.keys, values: input.values, attention: attention,
      window: window, sinks: sinks, layout: input.layout)
  }

  func makeState() -> WindowBranchState {
    WindowBranchState(attention, window: window, sinks: sinks)
  }
}
