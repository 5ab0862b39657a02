import Differentiation
import Operations
import TensorCore

/// The projections of an attention layer that an adapter may stand on.
public enum AttentionProjection: String, Sendable, CaseIterable {
  case queries
  case keys
  case values
  case output

  /// As checkpoints name it.
  public var checkpointName: String {
    switch self {
    case .queries: "q_proj"
    case .keys: "k_proj"
    case .values: "v_proj"
    case .output: "o_proj"
    }
  }
}

/// Low-rank adaptation of a frozen projection: `y += (alpha / rank) (dropout(x) Aᵀ) Bᵀ` (Hu et al.
/// 2021, arXiv 2106.09685). B starts at 0, so the adapted model starts as the frozen one.
public final class LowRankAdapter {
  /// `[rank, inputs]`.
  public let a: Parameter
  /// `[outputs, rank]`.
  public let b: Parameter
  /// Factor of the update, `alpha / rank`.
  public let scale: Float
  /// Probability that an input is set to zero in training.
  public let dropout: Float
  private let seed: UInt64
  private let purpose: String
  /// Training step, from which dropout draws; nil outside training.
  public var step: Int?

  /// A is uniform in ±1/sqrt(inputs), PEFT's Kaiming start.
  public init(
    _ projection: AttentionProjection, layer: Int, inputs: Int, outputs: Int, rank: Int,
    alpha: Float, dropout: Float, seed: UInt64
  ) {
    let name = projection.checkpointName
    purpose = "lowRankAdapter.\(layer).\(name)"
    var generator = SeededGenerator(seed: seed, purpose: purpose)
    let bound = 1 / Float(inputs).squareRoot()
    a = Parameter(
      name: "\(name).lora_A.weight",
      value: .uniform([rank, inputs], in: -bound...bound, using: &generator))
    b = Parameter(name: "\(name).lora_B.weight", value: Tensor(zeros: [outputs, rank]))
    scale = alpha / Float(rank)
    self.dropout = dropout
    self.seed = seed
  }

  func apply(_ x: Variable, to y: Variable, on tape: Tape) -> Variable {
    var input = x
    if let step, dropout > 0 {
      input = tape.dropout(
        x, probability: dropout,
        generator: SeededGenerator(seed: seed, step: step, purpose: purpose + ".dropout"))
    }
    let low = tape.linear(input, tape.parameter(a))
    return tape.add(y, scale, tape.linear(low, tape.parameter(b)))
  }

  /// `(alpha / rank) B A`, `[outputs, inputs]`: what merging adds to the frozen weights.
  public var delta: Tensor { scaled(matrixProduct(b.value, a.value), by: scale) }
}
