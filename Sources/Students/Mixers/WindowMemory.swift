import Documents
import Operations

/// A student as three choices: a memory, an optional softmax window beside it, and the policy that
/// joins them. Any memory goes with any window and any policy; what would have no meaning is refused
/// with what to write instead.
public struct WindowMemory: MixerSpecification, CalibratedSpecification {
  public static let name = "window-memory"
  public static let summary = "any memory, beside any softmax window, joined by any policy"

  /// The keys of a recipe's `student` object that choose this mixer where none is named.
  static let keys = ["memory", "window", "policy"]

  /// nil after a mistake in the recipe, of which nothing is made; so is `policy`.
  private let memory: (any MemorySpecification)?
  private let softmax: SoftmaxKeys?
  private let policy: (any PolicySpecification)?
  private let memoryKeys: MemoryKeys

  public init(_ reader: DocumentReader) {
    softmax = reader.optionalObject(
      "window", "Softmax over the last keys beside the memory; without it there is none",
      SoftmaxKeys.init)
    let hasWindow = softmax != nil || reader.isDescribing
    if !hasWindow, reader.isGiven("policy") {
      reader.report(
        "policy",
        "there is no window that the memory could be joined with; add a \"window\", or "
          + "remove the policy")
    }
    let policy =
      hasWindow || reader.isGiven("policy")
      ? reader.object("policy", "How window and memory become one output", Self.policy) : nil
    var keys = MemoryKeys.all
    memory = reader.object("memory", "What becomes of the keys that softmax does not read") {
      reader -> (any MemorySpecification)? in
      let memory = Self.memory(reader)
      keys = reader.choice(
        "keys", default: Self.usualKeys(memory, hasWindow ? policy : nil), Self.keysMeaning)
      return memory
    }
    self.policy = policy
    memoryKeys = keys
    if let memory { reportMistakes(memory, to: reader) }
  }

  private static func policy(_ reader: DocumentReader) -> (any PolicySpecification)? {
    reader.variant(
      "kind",
      of: StudentRegistry.policies.map { type in DocumentVariant(type.name) { type.init($0) } },
      default: ProjectedSumPolicy.name, "The policy")
  }

  private static func memory(_ reader: DocumentReader) -> (any MemorySpecification)? {
    reader.variant(
      "kind",
      of: StudentRegistry.memories.map { type in DocumentVariant(type.name) { type.init($0) } },
      default: FeatureMapMemory.name, "The memory")
  }

  private static let keysMeaning =
    "older: those that have left the window, sinks apart; all: every key; default older where the "
    + "memory has a denominator and the policy is one of "
    + StudentRegistry.policies.filter { $0.usualKeys == .older }.map { $0.name }
    .joined(separator: ", ")

  private static func usualKeys(
    _ memory: (any MemorySpecification)?, _ policy: (any PolicySpecification)?
  ) -> MemoryKeys {
    guard let policy, memory is any NormalizedMemorySpecification else { return .all }
    return type(of: policy).usualKeys
  }

  private func reportMistakes(_ memory: any MemorySpecification, to reader: DocumentReader) {
    let name = type(of: memory).name
    let isNormalized = memory is any NormalizedMemorySpecification
    let isExact = policy is any ExactPolicySpecification
    if memoryKeys == .older, softmax == nil {
      reader.report(
        "memory.keys",
        "there is no window that keys could leave; write \"all\", or add a \"window\""
      )
    } else if memoryKeys == .older, !isNormalized, case .terrace? = softmax?.window {
      reader.report(
        "memory.keys",
        "the memory \"\(name)\" is fed every key when it leaves a window of fixed length, which a "
          + "terrace is not; write \"all\", or use the window \"\(SlidingWindow.name)\"")
    }
    guard isExact, softmax != nil, let policy else { return }
    let others = StudentRegistry.policies.filter { !($0 is any ExactPolicySpecification.Type) }
      .map { "\"\($0.name)\"" }.joined(separator: ", ")
    if !isNormalized {
      reader.report(
        "policy.kind",
        "\"\(type(of: policy).name)\" divides window and memory by one denominator, and the memory "
          + "\"\(name)\" has none; use one of \(others)")
    } else if memoryKeys == .all {
      reader.report(
        "memory.keys",
        "\"all\" would count the window's keys twice under the one denominator of "
          + "\"\(type(of: policy).name)\"; write \"older\", or use one of the policies \(others)")
    }
  }

  public func conflicts(with geometry: LayerGeometry) -> [String] {
    guard let memory else { return [] }
    let conflicts = memory.conflicts(with: geometry).map { "memory.\($0)" }
    if softmax == nil || geometry.attention.isCausal { return conflicts }
    return [
      "window needs a causal teacher: it holds the last keys up to a query's own, and queries of this teacher see those after it as well; remove it"
    ] + conflicts
  }

  public var maximumLength: Int? { memory?.maximumLength }

  public var isCalibrated: Bool {
    (memory as? any CalibratedSpecification)?.isCalibrated ?? false
  }

  public func makeMixer(_ geometry: LayerGeometry, seed: UInt64) -> any TokenMixer {
    guard let memory else { preconditionFailure("a recipe with mistakes makes no mixer") }
    guard let softmax, let policy else { return memory.makeMixer(geometry, seed: seed) }
    if let policy = policy as? SharedPolicy, let memory = memory as? FeatureMapMemory,
      let fused = policy.fused(with: memory, softmax, geometry, seed: seed)
    {
      return fused
    }
    let keys: BranchKeys =
      memoryKeys == .all ? .all : .older(softmax.window, sinks: softmax.sinks)
    let branch = memory.makeBranch(geometry, keys: keys, seed: seed)
    let window = SoftmaxBranch(
      attention: geometry.attention, window: softmax.window, sinks: softmax.sinks)
    let join = policy.makePolicy(geometry.attention)
    if let recurrent = branch as? RecurrentMemory, !recurrent.sharedNames.isEmpty {
      return SharingWindowMemoryMixer(window, recurrent, keys: keys, join)
    }
    guard let features = branch as? any FeatureMemoryBranch else {
      return WindowMemoryMixer(window, branch, keys: keys, join)
    }
    return join is any WeighingPolicy
      ? WeightedWindowMemoryMixer(window, features, keys: keys, join)
      : FeatureWindowMemoryMixer(window, features, keys: keys, join)
  }
}
