import Differentiation
import Operations
import TensorCore

/// The teacher's own attention, and that of a hybrid's layers that were left alone.
public final class SoftmaxAttentionMixer: AttentionWeightMixer {
  public let shape: AttentionShape
  /// Keys a query sees, itself included; nil: all (Mistral's sliding window).
  public let window: Int?

  public init(shape: AttentionShape, window: Int? = nil) {
    self.shape = shape
    self.window = window
  }

  public var parameters: [Parameter] { [] }

  public func mix(_ input: MixerInput, on tape: Tape) -> Variable {
    tape.softmaxAttention(
      queries: input.queries, keys: input.keys, values: input.values, shape: shape,
      layout: input.layout, window: window)
  }

  public func makeState() -> any MixerState { KeyValueCache(self) }
}

/// Keys and values of every token seen, or of the window's.
private final class KeyValueCache: MixerState {
  private let mixer: SoftmaxAttentionMixer
  private var keys: [Float] = []
  private var values: [Float] = []
  /// Position of the first cached key.
  private var first = 0
  private(set) var position = 0

  init(_ mixer: SoftmaxAttentionMixer) {
    precondition(
      mixer.shape.isCausal, "bidirectional attention cannot be decoded: \(mixer.shape)")
    self.mixer = mixer
  }

  func copy() -> any MixerState {
    let copy = KeyValueCache(mixer)
    (copy.keys, copy.values, copy.first, copy.position) = (keys, values, first, position)
    return copy
  }

  var bytes: Int { (keys.count + values.count) * MemoryLayout<Float>.stride }

  func advance(_ input: MixerInput) -> Tensor {
    let width = mixer.shape.keyWidth
    let queries = input.queries.value
    keys += input.keys.value.elements
    values += input.values.value.elements
    let count = queries.shape[0]
    let output = keys.withUnsafeBufferPointer { keys in
      values.withUnsafeBufferPointer { values in
        continuedSoftmaxAttention(
          queries: queries, keys: keys.baseAddress!, values: values.baseAddress!,
          cached: keys.count / width, shape: mixer.shape, window: mixer.window)
      }
    }
    position += count
    if let window = mixer.window, position - first > 2 * window {
      let drop = position - first - window
      keys.removeFirst(drop * width)
      values.removeFirst(drop * width)
      first += drop
    }
    return output
  }
}
