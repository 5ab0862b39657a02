import Differentiation
import Operations
import TensorCore

/// A softmax window and a memory, joined by a policy.
class WindowMemoryMixer: HybridMixer, FarMassMixer {
  private let softmax: SoftmaxBranch
  private let memory: any MemoryBranch
  private let keys: BranchKeys
  private let policy: any BranchPolicy
  /// The memory, where it reads the keys that leave the window and can hold them in common with it.
  private let windowed: (any WindowedMemoryBranch)?

  init(
    _ softmax: SoftmaxBranch, _ memory: any MemoryBranch, keys: BranchKeys,
    _ policy: any BranchPolicy
  ) {
    (self.softmax, self.memory, self.keys, self.policy) = (softmax, memory, keys, policy)
    windowed = keys == .all ? nil : memory as? any WindowedMemoryBranch
  }

  final var parameters: [Parameter] { memory.parameters + policy.parameters }
  final var constants: [(name: String, value: Tensor)] { memory.constants }
  final var maximumLength: Int? { memory.maximumLength }
  final var window: AttentionWindow { softmax.window }
  final var sinks: Int { softmax.sinks }

  final var memoryDetail: String {
    keys == .all ? "all keys, without softmax" : "the keys beyond the window, without softmax"
  }

  final func only(_ part: MixerPart) -> (any TokenMixer)? {
    switch part {
    case .window: SoftmaxWindowMixer(softmax.attention, window: window, sinks: sinks)
    case .memory: MemoryMixer(memory, softmax.attention)
    }
  }

  final func forward(_ input: MixerInput, memory state: inout Memory?, on tape: Tape) -> Variable {
    let position = state?.position ?? 0
    let read = read(input, memory: &state, on: tape)
    let output = policy.join(joined(input, read, position: position), on: tape)
    state?.position += input.layout.rows
    return output
  }

  private func joined(
    _ input: MixerInput, _ read: (window: BranchVariables, memory: MemoryReading), position: Int
  ) -> JoinInput {
    JoinInput(
      queries: input.queries, layout: input.layout, position: position,
      attention: softmax.attention, window: read.window, memory: read.memory, keys: keys)
  }

  final var farMassKeys: BranchKeys? {
    keys == .all || !(policy is any MassPolicy) ? nil : keys
  }

  final func farMassLogits(_ input: MixerInput, on tape: Tape) -> Variable {
    guard let policy = policy as? any MassPolicy else {
      preconditionFailure("\(type(of: policy)) says no share of the memory")
    }
    var none: Memory?
    return policy.massLogits(
      joined(input, read(input, memory: &none, on: tape), position: 0), on: tape)
  }

  private func read(_ input: MixerInput, memory state: inout Memory?, on tape: Tape)
    -> (window: BranchVariables, memory: MemoryReading)
  {
    if let windowed { return windowed.read(input, with: softmax, memory: &state, on: tape) }
    let window = softmax.read(input, memory: &state, on: tape)
    return (window, memory.read(input, memory: &state, on: tape))
  }

  final func makeMemory() -> Memory {
    var state = Memory()
    if let windowed {
      windowed.add(to: &state, with: softmax)
    } else {
      softmax.add(to: &state)
      memory.add(to: &state)
    }
    return state
  }

  final func cost(length: Int) -> MixerCost {
    softmax.cost(length: length) + memory.cost(length: length)
      + policy.cost(softmax.attention, memorySaysSums: memory.saysSums)
  }
}

/// The same with a memory whose weights are products of features.
class FeatureWindowMemoryMixer: WindowMemoryMixer, FarWeightMixer {
  private let features: any FeatureMemoryBranch
  final let farKeys: BranchKeys

  init(
    _ softmax: SoftmaxBranch, _ memory: any FeatureMemoryBranch, keys: BranchKeys,
    _ policy: any BranchPolicy
  ) {
    (features, farKeys) = (memory, keys)
    super.init(softmax, memory, keys: keys, policy)
  }

  final func farFeatures(_ input: MixerInput, on tape: Tape) -> (
    queries: Variable, keys: Variable
  ) {
    features.features(input, on: tape)
  }
}

/// The same where the output is a sum of values, with weights that do not depend on them.
final class WeightedWindowMemoryMixer: FeatureWindowMemoryMixer, AttentionWeightMixer {}

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

/// The memory of a layer without its window.
private final class MemoryMixer: TokenMixer {
  private let memory: any MemoryBranch
  private let attention: AttentionShape

  init(_ memory: any MemoryBranch, _ attention: AttentionShape) {
    (self.memory, self.attention) = (memory, attention)
  }

  var parameters: [Parameter] { memory.parameters }
  var maximumLength: Int? { memory.maximumLength }

  func forward(_ input: MixerInput, memory state: inout Memory?, on tape: Tape) -> Variable {
    let output = memory.read(input, memory: &state, on: tape).output(on: tape)
    state?.position += input.layout.rows
    return output
  }

  func makeMemory() -> Memory {
    var state = Memory()
    memory.add(to: &state)
    return state
  }

  func cost(length: Int) -> MixerCost {
    memory.cost(length: length) + (memory.saysSums ? .quotient(attention) : MixerCost())
  }
}
