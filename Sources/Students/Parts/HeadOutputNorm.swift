import Differentiation
import Operations
import TensorCore

/// Normalisation of every head's outputs, `GroupNorm(heads)` with epsilon `headDim · 1e-5`.
struct HeadOutputNorm {
  let weight, bias: Parameter
  private let headDim: Int

  init(_ initializer: RADInitializer) {
    weight = initializer.constant("ln_x.weight", 1, [initializer.width])
    bias = initializer.constant("ln_x.bias", 0, [initializer.width])
    headDim = initializer.geometry.attention.headDim
  }

  var parameters: [Parameter] { [weight, bias] }

  /// Inputs are kept, mean and deviation of every head.
  func cost(width: Int) -> MixerCost { .kept(width + 2 * (width / headDim)) }

  func apply(_ x: Variable, on tape: Tape) -> Variable {
    tape.groupNorm(
      x, weight: tape.parameter(weight), bias: tape.parameter(bias), headDim: headDim,
      epsilon: Float(headDim) * 1e-5)
  }
}
