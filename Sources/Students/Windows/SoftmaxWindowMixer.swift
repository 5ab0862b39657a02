import Differentiation
import Operations
import TensorCore

/// Softmax attention over a window and attention sinks, untrained: what a student does with its
/// memory switched off, and what a teacher does without any student (arXiv 2309.17453).
public final class SoftmaxWindowMixer: AttentionWeightMixer {
  private let softmax: SoftmaxBranch

  /// - Parameter sinks: first tokens of a sequence that every query sees.
  public init(_ attention: AttentionShape, window: AttentionWindow, sinks: Int) {
    precondition(window != .none, "softmax needs a window")
    softmax = SoftmaxBranch(attention: attention, window: window, sinks: sinks)
  }

  public var parameters: [Parameter] { [] }

  public func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable {
    let output = tape.branchQuotient(softmax.read(input, memory: &memory, on: tape))
    memory?.position += input.layout.rows
    return output
  }

  public func makeMemory() -> Memory {
    var memory = Memory()
    softmax.add(to: &memory)
    return memory
  }

  public func cost(length: Int) -> MixerCost {
    softmax.cost(length: length) + .quotient(softmax.attention)
  }
}
