import Differentiation
import Documents
import Foundation
import Operations
import TensorCore

/// Window and memory under one denominator (`Operations.mergedBranches`). In the units of LoLCATs
/// (arXiv 2410.10254) γ weights the window; in absolute ones `e^ℓ` weights the memory, relative to
/// the window: ℓ = ln 10 is the paper's γ = 0.1, −6 a memory that hardly speaks at first.
public struct SharedPolicy: ExactPolicySpecification {
  public static let name = "shared"
  public static let summary = "one denominator for window and memory (LoLCATs)"
  public static let usualKeys = MemoryKeys.older
  let units: BranchUnits
  let isAffine: Bool
  let initialWindowFactor: Double
  let trainsWindowFactor: Bool
  private let initialLogFactor: Double

  public init(_ reader: DocumentReader) {
    units = reader.choice(
      "units", default: BranchUnits.absolute,
      "absolute: every weight of window and memory for what it is; rowMax: the memory's in units of "
        + "the window's largest weight, as the code of LoLCATs has it")
    initialLogFactor = reader.number(
      "initialLogFactor", default: -6,
      "In absolute units: the logarithm of what the memory's weights are multiplied with at the start"
    )
    isAffine = reader.boolean(
      "affineAttentionFactors", default: false,
      "In units of rowMax: weight the memory 1 − γ instead of 1, where γ weights the window")
    initialWindowFactor = reader.number(
      "initialWindowFactor", in: 1e-6...(1 - 1e-6), default: 0.1,
      "In units of rowMax: γ of every head at the start")
    trainsWindowFactor = reader.boolean(
      "trainWindowFactor", default: true, "Train the factors between window and memory")
  }

  public func makePolicy(_ attention: AttentionShape) -> any BranchPolicy {
    SharedDenominator(
      attention, units: units, isAffine: isAffine,
      initial: units == .absolute
        ? Float(initialLogFactor)
        : Float(log(initialWindowFactor / (1 - initialWindowFactor))),
      trains: trainsWindowFactor)
  }
}

extension SharedPolicy {
  /// Linear attention over features under LoLCATs' denominator is one kernel (`hybridAttention`);
  /// nil in other units.
  func fused(
    with memory: FeatureMapMemory, _ softmax: SoftmaxKeys, _ geometry: LayerGeometry, seed: UInt64
  ) -> (any TokenMixer)? {
    guard units == .rowMax else { return nil }
    return FeatureMapAttention(
      FeatureMapAttentionOptions(
        window: softmax.window, sinks: softmax.sinks, isAffine: isAffine,
        initialWindowFactor: initialWindowFactor, trainsWindowFactor: trainsWindowFactor),
      memory.featureMap, geometry, seed: seed)
  }
}

private final class SharedDenominator: WeighingPolicy, MassPolicy {
  /// ℓ, or the logit of γ.
  private let factors: Parameter
  private let units: BranchUnits
  private let isAffine: Bool

  init(
    _ attention: AttentionShape, units: BranchUnits, isAffine: Bool, initial: Float, trains: Bool
  ) {
    self.units = units
    self.isAffine = isAffine
    factors = Parameter(
      name: units == .absolute ? "memory_log_factors" : "window_factors",
      value: Tensor(repeating: initial, [1, attention.queryHeads, 1, 1]))
    factors.isTrainable = trains
  }

  var parameters: [Parameter] { [factors] }

  /// The memory's sums are kept, the outputs, and what multiplies the numerators.
  func cost(_ attention: AttentionShape, memorySaysSums: Bool) -> MixerCost {
    .kept(2 * attention.queryWidth + 4 * attention.queryHeads)
  }

  func join(_ input: JoinInput, on tape: Tape) -> Variable {
    guard case .branch(let memory) = input.memory else {
      preconditionFailure("a memory without a denominator shares none")
    }
    return tape.mergedBranches(
      window: input.window, memory: memory, logRatios: logRatios(on: tape), units: units)
  }

  func massLogits(_ input: JoinInput, on tape: Tape) -> Variable {
    guard case .branch(let memory) = input.memory else {
      preconditionFailure("a memory without a denominator shares none")
    }
    return tape.branchLogRatio(
      window: input.window, memory: memory, logRatios: logRatios(on: tape), units: units)
  }

  private func logRatios(on tape: Tape) -> Variable {
    let factors = tape.parameter(factors)
    return units == .absolute ? factors : tape.logRatios(factors, isAffine: isAffine)
  }
}

extension Tape {
  /// `ln(λ/γ)`: of γ = σ(x) it is −x where λ = 1 − γ, and `ln(1 + e^−x)` where λ = 1.
  func logRatios(_ windowFactors: Variable, isAffine: Bool) -> Variable {
    let negated = affine(windowFactors, scale: -1)
    return isAffine ? negated : pointwise(negated, .softplus)
  }
}
