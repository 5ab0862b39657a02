import Differentiation
import Documents
import Foundation
import Operations
import TensorCore

/// RAD-RWKV7 (RADLADS, arXiv 2505.03005, section 3.3; `qwerky7` of its code): the teacher's own
/// projections `r, k, v`, with its positions, written into a state by the delta rule. Of the
/// layer's normed input `x`, per head, with key and value heads repeated for their query heads:
///
///     log w = −e^{−½} σ(w₀ + tanh(x w₁) w₂)
///     a = σ(a₀ + x a₁ a₂)
///     v ← v + (v_first − v) ⊙ σ(v₀ + x v₁ v₂)               above the first layer
///     κ = k / (‖k‖ + 1e-12),  k̃ = k ⊙ (1 − w + a)           balanceState, the paper's
///     κ = k ⊙ k_k / (‖k ⊙ k_k‖ + 1e-12)                     without, the released recipe's
///     k̃ = k ⊙ (1 + (a − 1) ⊙ k_a)
///     P_t = diag(w_t) P_{t−1} − (a_t ⊙ κ_t)ᵀ (κ_t P_{t−1}) + k̃_tᵀ v_t,  y_t = r_t P_t
///     outputs = GroupNorm(y) ⊙ gate(x), or y / √headDim ⊙ gate(x)
///
/// Unlike RWKV-7 it has neither token shift nor a bonus for the current token. `v_first` are the
/// values of the first layer that has this student (`MixerInput.shared`). The reference's
/// unused parameters, `r_k`, `k_k` and `k_a` beside a balanced state, `v0` to `v2` of layer 0, are
/// not made.
public struct RADRWKV7: MixerSpecification, RecurrentMemorySpecification, CalibratedSpecification {
  public static let name = "rad-rwkv7"
  public static let summary =
    "delta rule with decay by channel, values of the first layer shared (RAD-RWKV7 of RADLADS)"
  let isBalanced: Bool
  let hasGroupNorm: Bool
  let isRotary: Bool
  let gate: RADGate.Kind
  let decayRank, learningRateRank, valueMixRank, gateRank: Int?
  let decayStart: DecayStart

  public init(_ reader: DocumentReader) {
    isBalanced = reader.balancesState()
    hasGroupNorm = reader.groupNorm(default: !isBalanced)
    isRotary = reader.isRotary(default: true)
    gate = reader.gateKind(default: .lowRank)
    decayRank = reader.rank("decayRank", of: "the decay")
    learningRateRank = reader.rank("learningRateRank", of: "the in-context learning rate")
    valueMixRank = reader.rank("valueMixRank", of: "the value residual's mix")
    gateRank = reader.rank("gateRank", of: "the gate")
    decayStart = DecayStart(reader)
  }

  public var isCalibrated: Bool { decayStart == .calibrated }

  public func conflicts(with geometry: LayerGeometry) -> [String] {
    recurrentConflicts(geometry, name: Self.name, isRotary: isRotary)
  }

  func makeMixer(_ geometry: LayerGeometry, seed: UInt64, delay: KeyDelay?) -> any TokenMixer {
    RADRWKV7Mixer(self, geometry, seed: seed, delay: delay)
  }
}

private final class RADRWKV7Mixer: SharingMixer {
  private let specification: RADRWKV7
  private let attention: AttentionShape
  /// `w0`, `w1`, `w2`; likewise of the others.
  private let decay, learningRate: LowRankOffset
  /// nil in layer 0.
  private let valueMix: LowRankOffset?
  /// `k_k` and `k_a`; empty beside a balanced state.
  private let keyFactors: [Parameter]
  private let gate: RADGate
  private let norm: HeadOutputNorm?
  private let shape: RecurrentShape
  private let delay: KeyDelay?

  init(_ specification: RADRWKV7, _ geometry: LayerGeometry, seed: UInt64, delay: KeyDelay?) {
    self.specification = specification
    self.delay = delay
    attention = geometry.attention
    let initializer = RADInitializer(geometry: geometry, seed: seed, purpose: "radRWKV7")
    let channels: Shape = [1, 1, initializer.width]
    decay = LowRankOffset(
      "w", specification.decayRank, .decay, initializer,
      // The code adds ½ to RWKV-7's decays because of its softplus.
      offset: initializer.decaySpeeds(
        "w0", first: -6.5, power: 0.85 + initializer.depth.squareRoot(),
        start: specification.decayStart,
        speed: { rate in
          // No channel forgets faster than e^{−½} a token.
          let share = min(rate * exp(0.5), 0.999)
          return log(share / (1 - share))
        }))
    learningRate = LowRankOffset(
      "a", specification.learningRateRank, .learningRate, initializer,
      offset: initializer.constant("a0", 0, channels))
    valueMix =
      geometry.layer == 0
      ? nil
      : LowRankOffset(
        "v", specification.valueMixRank, .valueMix, initializer,
        offset: initializer.constant("v0", 1, channels))
    keyFactors =
      specification.isBalanced
      ? []
      : [initializer.constant("k_k", 0.85, channels), initializer.constant("k_a", 1, channels)]
    gate = RADGate(specification.gate, rank: specification.gateRank, initializer)
    norm = specification.hasGroupNorm ? HeadOutputNorm(initializer) : nil
    shape = RecurrentShape(
      queryHeads: attention.queryHeads,
      // Above, what is mixed with the values of the first depends on the query head.
      valueHeads: geometry.layer == 0 ? attention.keyValueHeads : attention.queryHeads,
      keyDim: attention.headDim,
      scale: specification.hasGroupNorm ? 1 : 1 / Float(attention.headDim).squareRoot())
  }

  var parameters: [Parameter] {
    decay.parameters + learningRate.parameters + (valueMix?.parameters ?? []) + keyFactors
      + gate.parameters + (norm?.parameters ?? [])
  }

  /// Values of the first layer that has this student, `[tokens, keyValueHeads * headDim]`.
  static let sharedValues = "the values of the first"
  var sharedNames: [String] { [Self.sharedValues] }

  func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable {
    var operands = operands(input, on: tape)
    if let delay {
      operands.delay(by: delay, layout: input.layout, memory: &memory, on: tape)
    }
    var outputs = tape.deltaRule(
      queries: operands.queries, keys: operands.keys, values: operands.values,
      removals: operands.removals, writes: operands.writes, decay: .channel(operands.logDecays),
      shape: shape, layout: input.layout, memory: &memory)
    outputs = norm?.apply(outputs, on: tape) ?? outputs
    memory?.position += input.layout.rows
    return tape.withoutPadding(
      gate.apply(input.stream, to: outputs, on: tape), layout: input.layout)
  }

  func makeMemory() -> Memory {
    var memory = Memory()
    memory.addRecurrence(shape)
    for name in ["decays", "keys", "removals", "writes"] {
      delay?.add(name, width: shape.queryWidth, to: &memory)
    }
    delay?.add("values", width: shape.valueWidth, to: &memory)
    return memory
  }

  func cost(length: Int) -> MixerCost {
    let width = shape.queryWidth
    // Decays twice, learning rates, repeated keys, their directions, what weights them in two steps,
    // and four of the rule's operands.
    let operands =
      (specification.isBalanced ? 10 : 11) * width
      + (specification.isRotary ? 0 : width)
      + (delay != nil && valueMix == nil ? shape.valueWidth : 0)
    var cost = MixerCost(
      operations: shape.deltaRuleOperations(isPerChannel: true),
      keptElements: Double(operands) + shape.deltaRuleKeptElements)
    cost += decay.cost + learningRate.cost
    // The difference, its share and the values that they make.
    if let valueMix { cost += valueMix.cost + .kept(3 * width) }
    return cost + (norm?.cost(width: shape.outputWidth) ?? MixerCost()) + gate.cost
  }

  private func operands(_ input: MixerInput, on tape: Tape) -> DeltaRuleOperands {
    let x = input.stream
    let isRotary = specification.isRotary
    let receptances = isRotary ? input.queries : input.project(x, .queries, on: tape)
    let key = isRotary ? input.keys : input.project(x, .keys, on: tape)
    let logDecays = tape.affine(
      decay.sigmoid(tape.pointwise(decay.inner(x, on: tape), .tanh), on: tape),
      scale: -Float(exp(-0.5)))
    let rates = learningRate.sigmoid(learningRate.inner(x, on: tape), on: tape)
    let keys = tape.repeatedOverGroups(key, attention)
    let directions: Variable
    let written: Variable
    if specification.isBalanced {
      directions = tape.normalizeHeads(keys, headDim: attention.headDim)
      written = tape.multiply(keys, tape.add(tape.pointwise(logDecays, .oneMinusExp), rates))
    } else {
      let factors = keyFactors.map(tape.parameter)
      directions = tape.normalizeHeads(
        tape.scaleChannels(keys, by: factors[0]), headDim: attention.headDim)
      let reduction = tape.scaleChannels(
        tape.affine(rates, scale: 1, offset: -1), by: factors[1])
      written = tape.add(keys, tape.multiply(keys, reduction))
    }
    return DeltaRuleOperands(
      queries: receptances, keys: written, values: values(input, on: tape),
      removals: tape.affine(directions, scale: -1), writes: tape.multiply(directions, rates),
      logDecays: logDecays)
  }

  private func values(_ input: MixerInput, on tape: Tape) -> Variable {
    let own = input.values
    let first = input.shared[Self.sharedValues]
    if first == nil { input.shared.leave(own, as: Self.sharedValues) }
    guard let valueMix else {
      precondition(first == nil, "layer 0 is the first, but values of another were there")
      return own
    }
    let values = tape.repeatedOverGroups(own, attention)
    guard let first else { return values }
    let difference = tape.add(tape.repeatedOverGroups(first, attention), -1, values)
    let share = valueMix.sigmoid(valueMix.inner(input.stream, on: tape), on: tape)
    return tape.add(values, tape.multiply(difference, share))
  }
}

/// `σ(offset + inner · W₂)` with `inner` made of `x W₁`, as RWKV-7 has several.
private struct LowRankOffset {
  private let offset, first, second: Parameter

  /// W₁ starts at 0, W₂ orthogonal.
  init(
    _ name: String, _ rank: Int?, _ rule: RankRule, _ initializer: RADInitializer,
    offset: Parameter
  ) {
    let rank = rank ?? rule.rank(hiddenSize: initializer.hiddenSize)
    self.offset = offset
    first = initializer.constant("\(name)1", 0, [initializer.hiddenSize, rank])
    second = initializer.orthogonal("\(name)2", rank, initializer.width, scale: 0.1)
  }

  var parameters: [Parameter] { [offset, first, second] }

  /// What stands between the two matrices is kept.
  var cost: MixerCost {
    let (hidden, rank) = (first.value.shape[0], first.value.shape[1])
    return .product(hidden, rank) + .product(rank, second.value.shape[1]) + .kept(rank)
  }

  func inner(_ x: Variable, on tape: Tape) -> Variable {
    tape.multiply(x, matrix: tape.parameter(first))
  }

  func sigmoid(_ inner: Variable, on tape: Tape) -> Variable {
    tape.pointwise(
      tape.add(tape.multiply(inner, matrix: tape.parameter(second)), bias: tape.parameter(offset)),
      .sigmoid)
  }
}
