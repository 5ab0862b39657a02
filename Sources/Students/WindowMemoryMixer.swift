import Differentiation
import Operations
import TensorCore

/// A softmax window and a memory, joined by a policy.
class WindowMemoryMixer: HybridMixer {
  fileprivate let softmax: SoftmaxBranch
  fileprivate let memory: any MemoryBranch
  private let keys: BranchKeys
  private let policy: any BranchPolicy

  init(
    _ softmax: SoftmaxBranch, _ memory: any MemoryBranch, keys: BranchKeys,
    _ policy: any BranchPolicy
  ) {
    (self.softmax, self.memory, self.keys, self.policy) = (softmax, memory, keys, policy)
  }

  final var parameters: [Parameter] { memory.parameters + policy.parameters }
  final var maximumLength: Int? { memory.maximumLength }
  final var window: AttentionWindow { softmax.window }
  final var sinks: Int { softmax.sinks }

  final var memoryDetail: String {
    keys == .all ? "all keys, without softmax" : "the keys beyond the window, without softmax"
  }

  final func only(_ part: MixerPart) -> (any TokenMixer)? {
    switch part {
    case .window: SoftmaxWindowMixer(softmax.attention, window: window, sinks: sinks)
    case .memory: MemoryMixer(memory)
    }
  }

  final func mix(_ input: MixerInput, on tape: Tape) -> Variable {
    join(
      input, softmax.read(input, on: tape), memory.read(input, on: tape), position: 0, on: tape)
  }

  final func makeState() -> any MixerState {
    WindowMemoryState(self, softmax.makeState(), memory.makeState())
  }

  fileprivate final func join(
    _ input: MixerInput, _ window: BranchVariables, _ memory: MemoryReading, position: Int,
    on tape: Tape
  ) -> Variable {
    policy.join(
      JoinInput(
        queries: input.queries, layout: input.layout, position: position,
        attention: softmax.attention, window: window, memory: memory, keys: keys), on: tape)
  }
}

/// The same where the output is a sum of values, with weights that do not depend on them.
final class WeightedWindowMemoryMixer: WindowMemoryMixer, AttentionWeightMixer {}

/// The same with a memory whose layers share values.
final class SharingWindowMemoryMixer: WindowMemoryMixer, SharingMixer {
  let sharedNames: [String]

  init(
    _ softmax: SoftmaxBranch, _ memory: RecurrentMemory, keys: BranchKeys,
    _ policy: any BranchPolicy
  ) {
    sharedNames = memory.sharedNames
    super.init(softmax, memory, keys: keys, policy)
  }
}

private final class WindowMemoryState: MixerState {
  private let mixer: WindowMemoryMixer
  private var window: WindowBranchState
  private let memory: any MemoryBranchState

  init(
    _ mixer: WindowMemoryMixer, _ window: WindowBranchState, _ memory: any MemoryBranchState
  ) {
    (self.mixer, self.window, self.memory) = (mixer, window, memory)
  }

  var position: Int { window.position }
  var bytes: Int { window.bytes + memory.bytes }

  func copy() -> any MixerState {
    WindowMemoryState(mixer, window.copied(), memory.copy())
  }

  func advance(_ input: MixerInput) -> Tensor {
    let tape = Tape(isRecording: false)
    let position = window.position
    let softmax = tape.constant(
      window.advance(
        queries: input.queries.value, keys: input.keys.value, values: input.values.value))
    return mixer.join(input, softmax, memory.advance(input), position: position, on: tape).value
  }
}

/// The memory of a layer without its window.
private final class MemoryMixer: TokenMixer {
  private let memory: any MemoryBranch

  init(_ memory: any MemoryBranch) { self.memory = memory }

  var parameters: [Parameter] { memory.parameters }
  var maximumLength: Int? { memory.maximumLength }

  func mix(_ input: MixerInput, on tape: Tape) -> Variable {
    memory.read(input, on: tape).output(on: tape)
  }

  func makeState() -> any MixerState { State(memory.makeState()) }

  private final class State: MixerState {
    private let state: any MemoryBranchState
    private(set) var position: Int

    init(_ state: any MemoryBranchState, position: Int = 0) {
      (self.state, self.position) = (state, position)
    }

    var bytes: Int { state.bytes }

    func copy() -> any MixerState { State(state.copy(), position: position) }

    func advance(_ input: MixerInput) -> Tensor {
      position += input.layout.rows
      return state.advance(input).output(on: Tape(isRecording: false)).value
    }
  }
}
