import Differentiation
import Operations
import TensorCore

/// What a mixer is given of one layer: the teacher's projections after positions were applied.
public struct MixerInput {
  /// `[tokens, queryHeads * headDim]`.
  public let queries: Variable
  /// `[tokens, keyValueHeads * headDim]`.
  public let keys, values: Variable
  public let layout: SequenceLayout

  public init(queries: Variable, keys: Variable, values: Variable, layout: SequenceLayout) {
    self.queries = queries
    self.keys = keys
    self.values = values
    self.layout = layout
  }
}

/// The part of an attention layer between its projections and its output projection: softmax
/// attention in a teacher, its replacement in a student.
public protocol TokenMixer: AnyObject {
  /// Everything trained, named as checkpoints name it below `self_attn.`.
  var parameters: [Parameter] { get }

  /// Tokens that a sequence may have; nil: any number.
  var maximumLength: Int? { get }

  /// Whole sequences at once: per-head outputs, `[tokens, queryHeads * headDim]`, zero on padding.
  func mix(_ input: MixerInput, on tape: Tape) -> Variable

  /// The state of an empty context, for prefill and decoding.
  ///
  /// - Precondition: the mixer is causal (`AttentionShape.isCausal`). Outputs of a bidirectional one
  ///   change with every later token, so none can be given before the last has come.
  func makeState() -> any MixerState
}

extension TokenMixer {
  public var maximumLength: Int? { nil }
}

/// What a mixer remembers of one sequence. Advancing it over a text in pieces of any size gives
/// what `TokenMixer.mix` gives for the whole.
public protocol MixerState: AnyObject {
  /// Tokens seen.
  var position: Int { get }
  /// Bytes held now; constant for a student, growing for a key-value cache.
  var bytes: Int { get }

  /// Outputs of the next tokens, shapes as in `MixerInput`.
  func advance(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor

  /// The same past, to be continued otherwise: advancing one does not move the other.
  func copy() -> any MixerState
}

/// The halves of a mixer that joins softmax over a window with linear attention.
public enum MixerPart: Sendable, CaseIterable {
  case window
  case linear
}

/// A mixer whose halves can be run apart, to see what each is worth.
public protocol HybridMixer: TokenMixer {
  /// Where its softmax looks; `.none` without a window.
  var window: AttentionWindow { get }
  /// First tokens that stay visible to the window's softmax.
  var sinks: Int { get }

  /// One half with the other switched off, sharing this mixer's parameters; nil when the mixer
  /// has but one half.
  func only(_ part: MixerPart) -> (any TokenMixer)?
}

/// Where a mixer stands.
public struct LayerGeometry: Sendable, Equatable {
  public let layer: Int
  public let attention: AttentionShape
  public let hiddenSize: Int

  public init(layer: Int, attention: AttentionShape, hiddenSize: Int) {
    self.layer = layer
    self.attention = attention
    self.hiddenSize = hiddenSize
  }
}
