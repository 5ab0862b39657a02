import Operations
import TensorCore

extension Tape {
  /// Root-mean-square norm of every row, `x / sqrt(mean x² + epsilon) * (weight + offset)`:
  /// `[rows, width]`.
  public func rmsNorm(_ x: Variable, weight: Variable, epsilon: Float, offset: Float = 0)
    -> Variable
  {
    let factors =
      offset == 0 ? weight.value : Operations.affine(weight.value, scale: 1, offset: offset)
    let (output, reciprocals) = Operations.rmsNorm(x.value, weight: factors, epsilon: epsilon)
    return record([x, weight], output) { gradient in
      let (input, weightGradient) = rmsNormGradients(
        gradient, x: x.value, weight: factors, reciprocals: reciprocals,
        weightGradient: weight.requiresGradient)
      return [input, weightGradient]
    }
  }

  /// Layer norm of every row: `[rows, width]`, weight and bias `[width]`.
  public func layerNorm(_ x: Variable, weight: Variable, bias: Variable, epsilon: Float)
    -> Variable
  {
    let (output, statistics) = Operations.layerNorm(
      x.value, weight: weight.value, bias: bias.value, epsilon: epsilon)
    return record([x, weight, bias], output) { gradient in
      let (input, weightGradient, biasGradient) = layerNormGradients(
        gradient, x: x.value, weight: weight.value, statistics: statistics,
        parameterGradients: weight.requiresGradient || bias.requiresGradient)
      return [input, weightGradient, biasGradient]
    }
  }

  /// See `RotaryEmbedding.rotate`.
  public func rotate(
    _ x: Variable, _ rotary: RotaryEmbedding, headDim: Int, layout: SequenceLayout
  ) -> Variable {
    var output = x.value
    rotary.rotate(&output, headDim: headDim, layout: layout)
    return record([x], output) { gradient in
      var gradient = gradient
      rotary.rotate(&gradient, headDim: headDim, layout: layout, inverse: true)
      return [gradient]
    }
  }

  /// An activation, element by element.
  public func activation(_ x: Variable, _ activation: Activation) -> Variable {
    record([x], activated(x.value, activation)) {
      [activationGradient($0, x: x.value, activation)]
    }
  }

  /// `silu(gate) * up`, element by element.
  public func siluMultiply(gate: Variable, up: Variable) -> Variable {
    record([gate, up], Operations.siluMultiply(gate: gate.value, up: up.value)) { gradient in
      let gradients = siluMultiplyGradients(gradient, gate: gate.value, up: up.value)
      return [gradients.gate, gradients.up]
    }
  }
}
