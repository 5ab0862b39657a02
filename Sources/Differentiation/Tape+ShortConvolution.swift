import Operations
import TensorCore

extension Tape {
  /// See `Operations.shortConvolution`. What lies `before` a segment is a constant.
  public func shortConvolution(
    _ x: Variable, weight: Variable, layout: SequenceLayout, before: Tensor? = nil
  ) -> Variable {
    let output = Operations.shortConvolution(
      x.value, weight: weight.value, layout: layout, before: before)
    return record([x, weight], output) { gradient in
      let (input, weightGradient) = shortConvolutionGradients(
        gradient, x: x.value, weight: weight.value, layout: layout,
        weightGradient: weight.requiresGradient)
      return [input, weightGradient]
    }
  }

  /// The same; the memory holds the rows that the next token's taps reach back to under `name`.
  public func shortConvolution(
    _ x: Variable, weight: Variable, layout: SequenceLayout, memory: inout Memory?, _ name: String
  ) -> Variable {
    guard goesOn(from: memory, layout) else {
      return shortConvolution(x, weight: weight, layout: layout)
    }
    let before = memory![name]
    memory![name] = lastRows(before, then: x.value)
    return shortConvolution(x, weight: weight, layout: layout, before: before)
  }
}
