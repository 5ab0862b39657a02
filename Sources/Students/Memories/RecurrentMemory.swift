import Differentiation
import Operations

/// A recurrent student as the memory of a layer that has a window too: it reads all keys, and its
/// outputs are final, so that it has no denominator to share.
final class RecurrentMemory: MemoryBranch {
  private let mixer: any TokenMixer

  init(_ mixer: any TokenMixer) { self.mixer = mixer }

  var parameters: [Parameter] { mixer.parameters }
  var maximumLength: Int? { mixer.maximumLength }
  /// See `SharingMixer`; empty where its layers share nothing.
  var sharedNames: [String] { (mixer as? any SharingMixer)?.sharedNames ?? [] }

  func read(_ input: MixerInput, on tape: Tape) -> MemoryReading {
    .output(mixer.mix(input, on: tape))
  }

  func makeState() -> any MemoryBranchState { State(mixer.makeState()) }

  private final class State: MemoryBranchState {
    private let state: any MixerState

    init(_ state: any MixerState) { self.state = state }

    var bytes: Int { state.bytes }

    func copy() -> any MemoryBranchState { State(state.copy()) }

    func advance(_ input: MixerInput) -> MemoryReading {
      .output(Tape(isRecording: false).constant(state.advance(input)))
    }
  }
}

/// A recurrent student that can stand beside a window.
protocol RecurrentMemorySpecification: MemorySpecification {}

extension RecurrentMemorySpecification {
  public func makeBranch(_ geometry: LayerGeometry, keys: BranchKeys, seed: UInt64)
    -> any MemoryBranch
  {
    precondition(keys == .all, "\(Self.name) reads all keys, not \(keys)")
    return RecurrentMemory(makeMixer(geometry, seed: seed))
  }
}

extension RADRWKV6: RecurrentMemorySpecification {}
extension RADRWKV7: RecurrentMemorySpecification {}
extension QLinAtt: RecurrentMemorySpecification {}
