import Differentiation
import Documents
import Operations

/// `y = ½ y_w + ½ y_l`, the window's and the memory's outputs by themselves (Liger, arXiv 2503.01496).
/// Where the memory holds nothing yet, `y = y_w`.
public struct AveragePolicy: PolicySpecification {
  public static let name = "average"
  public static let summary = "half the window's output, half the memory's (Liger)"
  public static let usualKeys = MemoryKeys.all

  public init(_ reader: DocumentReader) {}

  public func makePolicy(_ attention: AttentionShape) -> any BranchPolicy { Average() }
}

private final class Average: WeighingPolicy {
  var parameters: [Parameter] { [] }

  func cost(_ attention: AttentionShape, memorySaysSums: Bool) -> MixerCost {
    .mix(attention, memorySaysSums: memorySaysSums)
  }

  func join(_ input: JoinInput, on tape: Tape) -> Variable {
    let share = tape.constant(input.share(0.5))
    return tape.mix(
      input.windowOutput(on: tape),
      input.memoryOutput(on: tape), share: share,
      heads: input.attention.queryHeads)
  }
}
