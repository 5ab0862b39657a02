import Differentiation
import Operations
import TensorCore

/// What the outputs of a RADLADS student are multiplied with, a function of its input `x`:
/// `σ(x W)` or `σ(x g₁) g₂`.
struct RADGate {
  enum Kind: Int, Sendable {
    case none = 0
    case full = 1
    case lowRank = 2
  }

  let parameters: [Parameter]

  /// W and g₁ start at 0. The full gate is then ½ everywhere; of the other, every channel starts
  /// as ½ the sum of its column of g₂.
  init(_ kind: Kind, rank: Int?, _ initializer: RADInitializer) {
    let (hidden, width) = (initializer.hiddenSize, initializer.width)
    switch kind {
    case .none:
      parameters = []
    case .full:
      parameters = [initializer.constant("gate.weight", 0, [width, hidden])]
    case .lowRank:
      let rank = rank ?? RankRule.gate.rank(hiddenSize: hidden)
      parameters = [
        initializer.constant("g1", 0, [hidden, rank]),
        initializer.orthogonal("g2", rank, width, scale: 0.1),
      ]
    }
  }

  /// Outputs and what multiplies them are kept.
  var cost: MixerCost {
    switch parameters.count {
    case 0:
      return MixerCost()
    case 1:
      let (width, hidden) = (parameters[0].value.shape[0], parameters[0].value.shape[1])
      return .product(hidden, width) + .kept(2 * width)
    default:
      let (hidden, rank) = (parameters[0].value.shape[0], parameters[0].value.shape[1])
      let width = parameters[1].value.shape[1]
      return .product(hidden, rank) + .product(rank, width) + .kept(rank + 2 * width)
    }
  }

  func apply(_ x: Variable, to outputs: Variable, on tape: Tape) -> Variable {
    switch parameters.count {
    case 0:
      return outputs
    case 1:
      return tape.multiply(
        outputs, tape.pointwise(tape.linear(x, tape.parameter(parameters[0])), .sigmoid))
    default:
      let inner = tape.pointwise(tape.multiply(x, matrix: tape.parameter(parameters[0])), .sigmoid)
      return tape.multiply(outputs, tape.multiply(inner, matrix: tape.parameter(parameters[1])))
    }
  }
}
