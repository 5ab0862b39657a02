import Differentiation
import TensorCore

/// No attention: every output is zero. What remains of a model says how much its numbers owe to
/// attention at all (arXiv 2510.05901).
public final class ZeroMixer: AttentionWeightMixer {
  public init() {}

  public var parameters: [Parameter] { [] }

  public func mix(_ input: MixerInput, on tape: Tape) -> Variable {
    tape.constant(Tensor(zeros: input.queries.value.shape))
  }

  public func makeState() -> any MixerState { State() }

  private final class State: MixerState {
    private(set) var position = 0
    let bytes = 0

    func copy() -> any MixerState {
      let copy = State()
      copy.position = position
      return copy
    }

    func advance(_ input: MixerInput) -> Tensor {
      position += input.layout.rows
      return Tensor(zeros: input.queries.value.shape)
    }
  }
}
