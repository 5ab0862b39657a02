import Differentiation
import Operations

/// A recurrent student that can be the memory beside a window. Its outputs are final, so that it has
/// no denominator to share; older keys alone it reads by being fed each of them when it leaves a
/// window of fixed length.
protocol RecurrentMemorySpecification: MemorySpecification {
  /// - Parameter delay: nil for a mixer that reads every key when it comes.
  func makeMixer(_ geometry: LayerGeometry, seed: UInt64, delay: KeyDelay?) -> any TokenMixer
}

extension RecurrentMemorySpecification {
  public func makeMixer(_ geometry: LayerGeometry, seed: UInt64) -> any TokenMixer {
    makeMixer(geometry, seed: seed, delay: nil)
  }

  public func makeBranch(_ geometry: LayerGeometry, keys: BranchKeys, seed: UInt64)
    -> any MemoryBranch
  {
    RecurrentMemory(
      makeMixer(geometry, seed: seed, delay: KeyDelay(keys)), keys: keys, geometry.attention)
  }
}

/// A recurrent student as the memory of a layer.
final class RecurrentMemory: MemoryBranch {
  private let mixer: any TokenMixer
  private let keys: BranchKeys
  private let attention: AttentionShape

  init(_ mixer: any TokenMixer, keys: BranchKeys, _ attention: AttentionShape) {
    (self.mixer, self.keys, self.attention) = (mixer, keys, attention)
  }

  var parameters: [Parameter] { mixer.parameters }
  var maximumLength: Int? { mixer.maximumLength }
  /// See `SharingMixer`; empty where its layers share nothing.
  var sharedNames: [String] { (mixer as? any SharingMixer)?.sharedNames ?? [] }

  func read(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> MemoryReading {
    let position = memory?.position
    let output = mixer.forward(input, memory: &memory, on: tape)
    // The layer moves it, once.
    if let position { memory?.position = position }
    if keys == .all { return .output(output) }
    // Norms and gates of a recurrent student make something of nothing.
    let holds = keys.shares(
      1, layout: input.layout, position: position ?? 0, heads: attention.queryHeads)
    return .output(
      tape.scaleHeads(output, by: tape.constant(holds), heads: attention.queryHeads))
  }

  var saysSums: Bool { false }

  /// Where only older keys are read, outputs are kept before they are scaled by whether there are any.
  func cost(length: Int) -> MixerCost {
    mixer.cost(length: length)
      + .kept(keys == .all ? 0 : attention.queryWidth + attention.queryHeads)
  }

  func add(to memory: inout Memory) {
    for (name, tensor) in mixer.makeMemory().tensors { memory.add(name, tensor) }
  }
}

/// Reasons why no recurrent student stands on a layer.
func recurrentConflicts(_ geometry: LayerGeometry, name: String, isRotary: Bool) -> [String] {
  var conflicts: [String] = []
  if !geometry.attention.isCausal {
    conflicts.append(
      "mixer is \"\(name)\", but a recurrent student needs a causal teacher: its state holds what stands before a token, and queries of this teacher see those after it as well; use \"\(LinearAttention.name)\""
    )
  }
  if isRotary, !geometry.hasRotaryPositions {
    conflicts.append(
      "rotary is true, but the teacher has no rotary positions that queries and keys could be given; set it to false"
    )
  }
  return conflicts
}
