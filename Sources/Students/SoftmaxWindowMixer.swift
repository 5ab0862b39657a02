import Differentiation
import Operations
import TensorCore

/// Softmax attention over a window and attention sinks, untrained: what a student does with its
/// linear half switched off, and what a teacher does without any student (arXiv 2309.17453).
///
/// It is hybrid attention with features of no dimension, so window and sinks are exactly the
/// student's.
public final class SoftmaxWindowMixer: AttentionWeightMixer {
  private let shape: HybridAttentionShape

  /// - Parameter sinks: first tokens of a sequence that every query sees.
  public init(_ attention: AttentionShape, window: AttentionWindow, sinks: Int) {
    precondition(window != .none, "softmax needs a window")
    shape = HybridAttentionShape(attention: attention, featureDim: 0, window: window, sinks: sinks)
  }

  public var parameters: [Parameter] { [] }

  public func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable {
    let features = tape.constant(Tensor(zeros: [input.layout.rows, 0]))
    // Any γ does: it cancels where nothing stands beside the window.
    let factors = tape.constant(Tensor(zeros: [shape.attention.queryHeads]))
    let output = tape.hybridAttention(
      queries: input.queries, keys: input.keys, values: input.values, queryFeatures: features,
      keyFeatures: features, windowFactors: factors, shape: shape, layout: input.layout,
      memory: &memory)
    memory?.position += input.layout.rows
    return output
  }

  public func makeMemory() -> Memory { shape.makeMemory() }
}
