import Differentiation
import Documents
import Operations
import TensorCore

/// `y = y_w + y_l W_l` with one matrix a head, 0 at the start: a fresh student is its window, bit for
/// bit, and there is nothing to unlearn (SLA, arXiv 2509.24006).
public struct ProjectedSumPolicy: PolicySpecification {
  public static let name = "projected-sum"
  public static let summary =
    "the window's output and a projection of the memory's, 0 at first (SLA)"
  public static let usualKeys = MemoryKeys.older

  public init(_ reader: DocumentReader) {}

  public func makePolicy(_ attention: AttentionShape) -> any BranchPolicy {
    ProjectedSum(attention)
  }
}

private final class ProjectedSum: BranchPolicy {
  private let projection: Parameter
  private let shape: FeatureProjectionShape

  init(_ attention: AttentionShape) {
    let (heads, headDim) = (attention.queryHeads, attention.headDim)
    projection = Parameter(
      name: "memory_projection", value: Tensor(zeros: [heads, headDim, headDim]))
    shape = FeatureProjectionShape(
      queryHeads: heads, inputHeads: heads, headDim: headDim, projectionDim: headDim)
  }

  var parameters: [Parameter] { [projection] }

  func cost(_ attention: AttentionShape, memorySaysSums: Bool) -> MixerCost {
    .outputs(attention, memorySaysSums: memorySaysSums)
      + .kept(memorySaysSums ? 0 : attention.queryWidth)
      + .product(attention.headDim, attention.queryWidth)
  }

  func join(_ input: JoinInput, on tape: Tape) -> Variable {
    tape.add(
      input.windowOutput(on: tape),
      tape.featureProjection(
        input.memoryOutput(on: tape),
        weight: tape.parameter(projection), bias: nil, shape: shape))
  }
}
