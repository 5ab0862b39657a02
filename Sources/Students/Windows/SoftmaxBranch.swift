import Differentiation
import Operations
import TensorCore

/// Softmax over a window and sinks as the branch of a layer.
struct SoftmaxBranch {
  let attention: AttentionShape
  let window: AttentionWindow
  let sinks: Int

  /// How its names in a memory begin.
  private static let prefix = "window."

  func read(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> BranchVariables {
    tape.windowBranch(
      queries: input.queries, keys: input.keys, values: input.values, attention: attention,
      window: window, sinks: sinks, layout: input.layout, memory: &memory, prefix: Self.prefix)
  }

  /// What a token costs in a sequence of so many: numerators, denominators and log scales are kept.
  func cost(length: Int) -> MixerCost {
    MixerCost(
      operations: attention.windowBranchOperations(window: window, sinks: sinks, length: length))
      + .kept(attention.queryWidth + 2 * attention.queryHeads)
  }

  /// Adds what it remembers of an empty past.
  func add(to memory: inout Memory) {
    memory.addWindowBranch(attention, window: window, sinks: sinks, prefix: Self.prefix)
  }
}
