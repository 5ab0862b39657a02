import Differentiation
import Documents
import Operations
import TensorCore

/// `y = (1 − μ) y_w + μ y_l` with `μ_i = σ(w·q_i + b)` of every head's query: what share of its
/// attention a query has for keys that have left the window. With the shares known it is the shared
/// denominator, whatever the units of the memory's weights (the gate of mLSTM hybrids). `w` starts
/// at 0 and `b` so low that a fresh student is its window to 1e-3, or at the shares of the teacher.
/// Where the memory holds nothing yet, `μ = 0`.
public struct GatedPolicy: PolicySpecification {
  public static let name = "gated"
  public static let summary = "a gate of the query between the window's output and the memory's"
  public static let usualKeys = MemoryKeys.older
  private let initialBias: Double

  public init(_ reader: DocumentReader) {
    initialBias = reader.number(
      "initialBias", default: -8,
      "b of every head at the start; σ(b) is the memory's share, 3e-4 at −8, where outputs alone "
        + "hardly move it, 0.02 at −4")
  }

  public func makePolicy(_ attention: AttentionShape) -> any BranchPolicy {
    Gate(attention, initialBias: Float(initialBias))
  }
}

private final class Gate: WeighingPolicy, MassPolicy {
  private let weight, bias: Parameter
  private let shape: FeatureProjectionShape

  init(_ attention: AttentionShape, initialBias: Float) {
    let heads = attention.queryHeads
    weight = Parameter(
      name: "memory_gate.weight", value: Tensor(zeros: [heads, attention.headDim, 1]))
    bias = Parameter(
      name: "memory_gate.bias", value: Tensor(repeating: initialBias, [1, heads, 1, 1]))
    shape = FeatureProjectionShape(
      queryHeads: heads, inputHeads: heads, headDim: attention.headDim, projectionDim: 1)
  }

  var parameters: [Parameter] { [weight, bias] }

  /// The gate is kept, and where it is open at all.
  func cost(_ attention: AttentionShape, memorySaysSums: Bool) -> MixerCost {
    .product(attention.headDim, attention.queryHeads) + .kept(2 * attention.queryHeads)
      + .mix(attention, memorySaysSums: memorySaysSums)
  }

  func join(_ input: JoinInput, on tape: Tape) -> Variable {
    let heads = input.attention.queryHeads
    let holds = tape.constant(input.share(1))
    let share = tape.multiply(tape.pointwise(massLogits(input, on: tape), .sigmoid), holds)
    return tape.mix(
      input.windowOutput(on: tape),
      input.memoryOutput(on: tape), share: share, heads: heads)
  }

  func massLogits(_ input: JoinInput, on tape: Tape) -> Variable {
    tape.featureProjection(
      input.queries, weight: tape.parameter(weight), bias: tape.parameter(bias), shape: shape)
  }
}
