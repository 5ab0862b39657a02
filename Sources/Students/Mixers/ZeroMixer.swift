import Differentiation
import Operations
import TensorCore

/// No attention: every output is zero. What remains of a model says how much its numbers owe to
/// attention at all (arXiv 2510.05901).
public final class ZeroMixer: AttentionWeightMixer {
  /// A mixer without parameters.
  public init() {}

  public var parameters: [Parameter] { [] }

  public func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable {
    memory?.position += input.layout.rows
    return tape.constant(Tensor(zeros: input.queries.value.shape))
  }

  public func makeMemory() -> Memory { Memory() }

  public func cost(length: Int) -> MixerCost { MixerCost() }
}
