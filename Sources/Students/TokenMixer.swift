import Differentiation
import Operations
import TensorCore

/// The part of an attention layer between its projections and its output projection: softmax
/// attention in a teacher, its replacement in a student.
///
/// What a mixer can do beyond this, it says by conforming to more: `AttentionWeightMixer`,
/// `WeightTrainedMixer`, `StreamMixer`, `SharingMixer`, `HybridMixer`. Whoever needs that asks for
/// the conformance; a mixer that says nothing has none of it.
public protocol TokenMixer: AnyObject {
  /// Everything trained, named as checkpoints name it below `self_attn.`.
  var parameters: [Parameter] { get }

  /// What was drawn for the mixer once and is never trained, named as `parameters` are: a function of
  /// the seed and the layer, which a checkpoint for other programs has to hold.
  var constants: [(name: String, value: Tensor)] { get }

  /// Tokens that a sequence may have; nil: any number.
  var maximumLength: Int? { get }

  /// Per-head outputs, `[tokens, queryHeads * headDim]`, zero on padding.
  ///
  /// - Parameter memory: nil for whole sequences from an empty past, as in training. Otherwise the
  ///   past of one sequence, of which the input holds the next tokens, its one segment beginning at
  ///   `memory.position`; it is left as it is after these tokens, its position moved by them. In
  ///   pieces of any size a sequence has the outputs that it has as a whole.
  func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable

  /// The memory of an empty past, for prefill and decoding.
  ///
  /// - Precondition: the mixer is causal (`AttentionShape.isCausal`). Outputs of a bidirectional one
  ///   change with every later token, so none can be given before the last has come.
  func makeMemory() -> Memory

  /// Bytes of the memory of a sequence after so many tokens, read one by one: what decoding holds.
  ///
  /// - Precondition: as of `makeMemory`.
  func memoryBytes(after tokens: Int) -> Int

  /// What a token costs in a sequence of so many, read as a whole.
  func cost(length: Int) -> MixerCost
}

extension TokenMixer {
  public var constants: [(name: String, value: Tensor)] { [] }
  public var maximumLength: Int? { nil }

  /// The same after any number of tokens.
  public func memoryBytes(after tokens: Int) -> Int { makeMemory().bytes }

  /// Whole sequences from an empty past.
  public func forward(_ input: MixerInput, on tape: Tape) -> Variable {
    var none: Memory?
    return forward(input, memory: &none, on: tape)
  }
}

/// A mixer that projects the layer's input itself and never asks for queries, keys and values as
/// the teacher makes them.
public protocol StreamMixer: TokenMixer {}

/// A mixer that leaves values for the layers above, or reads those of the layers below
/// (`MixerInput.shared`): its layers cannot be run apart.
public protocol SharingMixer: TokenMixer {
  /// Under which names, said as in "layers share …".
  var sharedNames: [String] { get }
}

/// The parts of a mixer that joins softmax over a window with a memory of other keys.
public enum MixerPart: Sendable, CaseIterable {
  case window
  case memory
}

/// A mixer whose parts can be run apart, to see what each is worth.
public protocol HybridMixer: TokenMixer {
  /// Where its softmax looks; `.none` without a window.
  var window: AttentionWindow { get }
  /// First tokens that stay visible to the window's softmax.
  var sinks: Int { get }

  /// Which keys its memory reads, and how, in a few words.
  var memoryDetail: String { get }

  /// One part with the other switched off, sharing this mixer's parameters; nil when the mixer
  /// has but one.
  func only(_ part: MixerPart) -> (any TokenMixer)?
}

/// Where a mixer stands.
public struct LayerGeometry: Sendable, Equatable {
  /// Index of the layer, from 0.
  public let layer: Int
  /// Layers of the model.
  public let layers: Int
  /// Heads of the teacher's attention.
  public let attention: AttentionShape
  /// Width of the residual stream.
  public let hiddenSize: Int
  /// Whether the teacher rotates queries and keys by their positions.
  public let hasRotaryPositions: Bool
  /// The layer itself, where a start is computed of it (`CalibratedSpecification`); initial values
  /// are then a function of it too, names and shapes of parameters are not.
  public var replaced: ReplacedLayer?

  /// - Parameter layers: as if the layer were the last unless given.
  public init(
    layer: Int, layers: Int? = nil, attention: AttentionShape, hiddenSize: Int,
    hasRotaryPositions: Bool = false
  ) {
    self.layer = layer
    self.layers = layers ?? layer + 1
    self.attention = attention
    self.hiddenSize = hiddenSize
    self.hasRotaryPositions = hasRotaryPositions
  }
}
