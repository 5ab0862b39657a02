import Differentiation
import Operations

/// The position-wise network of a block.
public struct FeedForward {
  /// Which of the two forms the network has, with its activation.
  public enum Kind: Sendable, Equatable {
    /// `down(act(up x))`
    case plain(Activation)
    /// `down(act(gate x) ⊙ up x)`
    case gated(Activation)

    /// The activation of either form.
    public var activation: Activation {
      switch self {
      case .plain(let activation), .gated(let activation): activation
      }
    }

    /// Matrices of `hiddenSize * intermediateSize` elements.
    public var matrices: Int {
      switch self {
      case .plain: 2
      case .gated: 3
      }
    }
  }

  let activation: Activation
  /// nil in a plain network.
  public internal(set) var gate: Projection?
  /// Projections into the wide layer and out of it.
  public internal(set) var up, down: Projection

  static func plain(_ activation: Activation, up: Projection, down: Projection) -> FeedForward {
    FeedForward(activation: activation, gate: nil, up: up, down: down)
  }

  static func gated(
    _ activation: Activation, gate: Projection, up: Projection, down: Projection
  ) -> FeedForward {
    FeedForward(activation: activation, gate: gate, up: up, down: down)
  }

  func callAsFunction(_ x: Variable, on tape: Tape) -> Variable {
    let up = tape.linear(x, self.up.weight, bias: self.up.bias)
    let hidden: Variable
    if let gate {
      let gated = tape.linear(x, gate.weight, bias: gate.bias)
      hidden =
        activation == .silu
        ? tape.siluMultiply(gate: gated, up: up)
        : tape.multiply(tape.activation(gated, activation), up)
    } else {
      hidden = tape.activation(up, activation)
    }
    return tape.linear(hidden, down.weight, bias: down.bias)
  }

  mutating func visit(_ prefix: String, _ body: WeightVisitor) {
    gate?.visit("\(prefix)gate_proj", body)
    up.visit("\(prefix)up_proj", body)
    down.visit("\(prefix)down_proj", body)
  }
}
