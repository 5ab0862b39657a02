import Differentiation
import Documents
import Operations
import TensorCore

/// `y = y_l + α y_w` with one trained α a head (Lizard, arXiv 2507.09025).
public struct AlphaSumPolicy: PolicySpecification {
  public static let name = "alpha-sum"
  public static let summary = "the memory's output and a trained multiple of the window's (Lizard)"
  public static let usualKeys = MemoryKeys.all
  private let initialAlpha: Double

  public init(_ reader: DocumentReader) {
    initialAlpha = reader.number("initialAlpha", default: 1, "α of every head at the start")
  }

  public func makePolicy(_ attention: AttentionShape) -> any BranchPolicy {
    AlphaSum(attention, initialAlpha: Float(initialAlpha))
  }
}

private final class AlphaSum: WeighingPolicy {
  private let alpha: Parameter

  init(_ attention: AttentionShape, initialAlpha: Float) {
    alpha = Parameter(
      name: "window_alpha",
      value: Tensor(repeating: initialAlpha, [1, attention.queryHeads, 1, 1]))
  }

  var parameters: [Parameter] { [alpha] }

  func cost(_ attention: AttentionShape, memorySaysSums: Bool) -> MixerCost {
    .outputs(attention, memorySaysSums: memorySaysSums)
  }

  func join(_ input: JoinInput, on tape: Tape) -> Variable {
    tape.add(
      input.memoryOutput(on: tape),
      tape.scaleHeads(
        input.windowOutput(on: tape), by: tape.parameter(alpha), heads: input.attention.queryHeads))
  }
}
