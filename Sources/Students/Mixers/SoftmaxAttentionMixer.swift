import Differentiation
import Operations
import TensorCore

/// The teacher's own attention, and that of a hybrid's layers that were left alone.
public final class SoftmaxAttentionMixer: AttentionWeightMixer {
  /// Heads of the attention.
  public let shape: AttentionShape
  /// Keys a query sees, itself included; nil: all (Mistral's sliding window).
  public let window: Int?

  /// Softmax attention over all keys, or the last `window` of them.
  public init(shape: AttentionShape, window: Int? = nil) {
    self.shape = shape
    self.window = window
  }

  public var parameters: [Parameter] { [] }

  public func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable {
    let output = tape.softmaxAttention(
      queries: input.queries, keys: input.keys, values: input.values, shape: shape,
      layout: input.layout, window: window, memory: &memory)
    memory?.position += input.layout.rows
    return output
  }

  /// Keys and values of every token read, or of the window's.
  public func makeMemory() -> Memory { shape.makeMemory() }

  public func memoryBytes(after tokens: Int) -> Int {
    shape.cachedRows(after: tokens, window: window) * 2 * shape.keyWidth
      * MemoryLayout<Float>.stride
  }

  /// Outputs and the logarithms of their normalisers are kept.
  public func cost(length: Int) -> MixerCost {
    MixerCost(operations: shape.softmaxOperations(window: window, length: length))
      + .kept(shape.queryWidth + shape.queryHeads)
  }
}
