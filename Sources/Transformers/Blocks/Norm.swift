import Differentiation

/// A normalisation with its weights, wherever in a model it stands.
public struct Norm {
  /// What is normalised by.
  public enum Kind: Sendable, Equatable {
    /// Root mean square. What it multiplies by is `weight + offset`: Gemma stores its weights as
    /// differences from 1.
    case rms(epsilon: Float, offset: Float = 0)
    /// Mean and deviation, with a bias.
    case layer(epsilon: Float)
  }

  /// What the model calls it, after its block's prefix: `input_layernorm`.
  public let name: String
  /// What is normalised by.
  public let kind: Kind
  /// Of rows of its own length: wider activations are normalised head by head.
  public internal(set) var weight: Weight
  /// Layer norm only.
  public internal(set) var bias: Weight?

  func callAsFunction(_ x: Variable, on tape: Tape) -> Variable {
    switch kind {
    case .rms(let epsilon, let offset):
      tape.rmsNorm(x, weight: weight.variable(on: tape), epsilon: epsilon, offset: offset)
    case .layer(let epsilon):
      tape.layerNorm(
        x, weight: weight.variable(on: tape), bias: bias!.variable(on: tape), epsilon: epsilon)
    }
  }

  /// - Parameter prefix: with its dot.
  mutating func visit(_ prefix: String, _ body: WeightVisitor) {
    body("\(prefix)\(name).weight", &weight)
    if bias != nil { body("\(prefix)\(name).bias", &bias!) }
  }
}
