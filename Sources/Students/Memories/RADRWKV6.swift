import Differentiation
import Documents
import Foundation
import Operations
import TensorCore

/// RAD-RWKV6 (RADLADS, arXiv 2505.03005, section 3.2; `qwerky6` of its code): the teacher's own
/// projections, of inputs that are mixed with the token before, and a state that forgets at a rate
/// of its own for every token and channel. With `δ_t = x_{t−1} − x_t`, of the layer's normed
/// input `x`, and `i` one of r, k, v, w, g:
///
///     m = tanh((x + δ ⊙ μ_x) W₁),  x_i = x + δ ⊙ (μ_i + m_i W₂[i])
///     q, k, v = the layer's projections of x_r, x_k, x_v
///     log w = max(−exp(ω + tanh(x_w A) B), −5)
///     k ← k ⊙ (1 − w)                                      balanceState
///     S_t = diag(w_t) S_{t−1} + k_tᵀ v_t,  p_t = q_t S_t / √headDim
///     outputs = GroupNorm(p) ⊙ gate(x_g)                   groupNorm
///
/// Unlike RWKV-6 it has no bonus for the current token.
public struct RADRWKV6: MixerSpecification, RecurrentMemorySpecification, CalibratedSpecification {
  public static let name = "rad-rwkv6"
  public static let summary =
    "token shift and a state that forgets by channel (RAD-RWKV6 of RADLADS)"
  let isShifted: Bool
  let isBalanced: Bool
  let hasGroupNorm: Bool
  let isRotary: Bool
  let gate: RADGate.Kind
  let tokenShiftRank, decayRank, gateRank: Int?
  let decayStart: DecayStart

  public init(_ reader: DocumentReader) {
    isShifted = reader.boolean(
      "tokenShift", default: true, "Mix every input of the layer with that of the token before")
    isBalanced = reader.balancesState()
    hasGroupNorm = reader.groupNorm(default: false)
    isRotary = reader.isRotary(default: false)
    gate = reader.gateKind(default: .full)
    tokenShiftRank = reader.rank("tokenShiftRank", of: "each mix of the token shift")
    decayRank = reader.rank("decayRank", of: "the decay")
    gateRank = reader.rank("gateRank", of: "the gate")
    decayStart = DecayStart(reader)
  }

  public var isCalibrated: Bool { decayStart == .calibrated }

  public func conflicts(with geometry: LayerGeometry) -> [String] {
    recurrentConflicts(geometry, name: Self.name, isRotary: isRotary)
  }

  func makeMixer(_ geometry: LayerGeometry, seed: UInt64, delay: KeyDelay?) -> any TokenMixer {
    RADRWKV6Mixer(self, geometry, seed: seed, delay: delay)
  }
}

private final class RADRWKV6Mixer: StreamMixer {
  private let specification: RADRWKV6
  private let geometry: LayerGeometry
  private let shift: TokenShiftMixes?
  /// ω, A and B.
  private let decay: [Parameter]
  private let gate: RADGate
  private let norm: HeadOutputNorm?
  private let shape: RecurrentShape
  private let delay: KeyDelay?

  init(_ specification: RADRWKV6, _ geometry: LayerGeometry, seed: UInt64, delay: KeyDelay?) {
    self.specification = specification
    self.delay = delay
    self.geometry = geometry
    let initializer = RADInitializer(geometry: geometry, seed: seed, purpose: "radRWKV6")
    let (hidden, width) = (geometry.hiddenSize, geometry.attention.queryWidth)
    shift =
      specification.isShifted
      ? TokenShiftMixes(rank: specification.tokenShiftRank, initializer) : nil
    let rank = specification.decayRank ?? RankRule.decay.rank(hiddenSize: hidden)
    decay = [
      initializer.decaySpeeds(
        "time_decay", first: -6, power: 0.7 + 1.3 * initializer.depth,
        start: specification.decayStart,
        speed: { log($0) }),
      initializer.constant("time_decay_w1", 0, [hidden, rank]),
      initializer.uniform("time_decay_w2", [rank, width], bound: 0.01),
    ]
    gate = RADGate(specification.gate, rank: specification.gateRank, initializer)
    norm = specification.hasGroupNorm ? HeadOutputNorm(initializer) : nil
    let attention = geometry.attention
    shape = RecurrentShape(
      queryHeads: attention.queryHeads,
      // What a balanced state is told depends on the decay of the query head.
      keyHeads: specification.isBalanced ? attention.queryHeads : attention.keyValueHeads,
      valueHeads: attention.keyValueHeads, keyDim: attention.headDim,
      scale: 1 / Float(attention.headDim).squareRoot())
  }

  var parameters: [Parameter] {
    (shift?.parameters ?? []) + decay + gate.parameters + (norm?.parameters ?? [])
  }

  func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable {
    var operands = operands(input, memory: &memory, on: tape)
    if let delay {
      let late = { (x: Variable, name: String, memory: inout Memory?) in
        delay.apply(x, name, layout: input.layout, memory: &memory, on: tape)
      }
      operands.keys = late(operands.keys, "keys", &memory)
      operands.values = late(operands.values, "values", &memory)
      operands.logDecays = late(operands.logDecays, "decays", &memory)
    }
    var outputs = tape.gatedLinearAttention(
      queries: operands.queries, keys: operands.keys, values: operands.values,
      decay: .channel(operands.logDecays), shape: shape, layout: input.layout, memory: &memory)
    outputs = norm?.apply(outputs, on: tape) ?? outputs
    memory?.position += input.layout.rows
    return tape.withoutPadding(
      gate.apply(operands.gateInput, to: outputs, on: tape), layout: input.layout)
  }

  func makeMemory() -> Memory {
    var memory = Memory()
    memory.addRecurrence(shape)
    if shift != nil {
      memory.add(TokenShiftMixes.last, Tensor(zeros: [1, geometry.hiddenSize]))
    }
    delay?.add("keys", width: shape.keyWidth, to: &memory)
    delay?.add("values", width: shape.valueWidth, to: &memory)
    delay?.add("decays", width: shape.queryWidth, to: &memory)
    return memory
  }

  func cost(length: Int) -> MixerCost {
    let (hidden, width) = (geometry.hiddenSize, shape.queryWidth)
    let rank = decay[1].value.shape[1]
    // Keys once for every query head, what weights them, and what the delay makes of decays.
    let balanced = specification.isBalanced ? 2 * width : 0
    let operands =
      shape.queryWidth + shape.keyWidth + shape.valueWidth + width + rank + balanced
      + (delay == nil ? 0 : width)
    return MixerCost(operations: shape.gatedLinearAttentionOperations(isPerChannel: true))
      + .product(hidden, rank) + .product(rank, width) + .kept(operands)
      + (shift?.cost(hasGate: specification.gate != .none) ?? MixerCost())
      + (norm?.cost(width: shape.outputWidth) ?? MixerCost()) + gate.cost
  }

  private struct Operands {
    /// `[tokens, queryHeads * headDim]`.
    let queries: Variable
    /// As `shape` has them.
    var keys, values: Variable
    /// `[tokens, queryHeads * headDim]`.
    var logDecays: Variable
    /// `[tokens, hiddenSize]`.
    let gateInput: Variable
  }

  private func operands(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Operands {
    let x = input.stream
    let mixed =
      shift?.mix(x, layout: input.layout, memory: &memory, on: tape)
      ?? TokenShiftMixes.Inputs(repeating: x)
    var queries = input.project(mixed.receptance, .queries, on: tape)
    var keys = input.project(mixed.key, .keys, on: tape)
    let values = input.project(mixed.value, .values, on: tape)
    if specification.isRotary {
      queries = input.rotate(queries, on: tape)
      keys = input.rotate(keys, on: tape)
    }
    let inner = tape.pointwise(tape.multiply(mixed.decay, matrix: tape.parameter(decay[1])), .tanh)
    let logDecays = tape.pointwise(
      tape.add(
        tape.multiply(inner, matrix: tape.parameter(decay[2])), bias: tape.parameter(decay[0])),
      .boundedDecay)
    if specification.isBalanced {
      keys = tape.multiply(
        tape.repeatedOverGroups(keys, geometry.attention), tape.pointwise(logDecays, .oneMinusExp))
    }
    return Operands(
      queries: queries, keys: keys, values: values, logDecays: logDecays, gateInput: mixed.gate)
  }
}

/// The five inputs that token shift makes of one.
private struct TokenShiftMixes {
  struct Inputs {
    let receptance, key, value, decay, gate: Variable

    init(_ mixes: [Variable]) {
      (receptance, key, value, decay, gate) = (mixes[0], mixes[1], mixes[2], mixes[3], mixes[4])
    }

    init(repeating x: Variable) { self.init([Variable](repeating: x, count: 5)) }
  }

  /// μ_x, W₁, W₂.
  private let common: [Parameter]
  /// μ_r, μ_k, μ_v, μ_w, μ_g.
  private let means: [Parameter]

  init(rank: Int?, _ initializer: RADInitializer) {
    let hidden = initializer.hiddenSize
    let rank = rank ?? RankRule.tokenShift.rank(hiddenSize: hidden)
    common = [
      // 1 − 0^{1 − l/L} in the code: 1 in every layer.
      initializer.constant("time_maa_x", 1, [1, 1, hidden]),
      initializer.constant("time_maa_w1", 0, [hidden, 5 * rank]),
      initializer.uniform("time_maa_w2", [5, rank, hidden], bound: 0.01),
    ]
    means = ["r", "k", "v", "w", "g"].map {
      initializer.constant("time_maa_\($0)", 0, [1, 1, hidden])
    }
  }

  var parameters: [Parameter] { [common[0]] + means + common[1...] }

  /// Where a memory has the last token's input.
  static let last = "last_input"

  /// The difference, what the shares are made of, the five shares and the inputs made with them are
  /// kept; a gate's input only where there is a gate.
  func cost(hasGate: Bool) -> MixerCost {
    let hidden = common[0].value.count
    let rank = common[2].value.shape[1]
    return .product(hidden, 5 * rank) + .product(rank, 5 * hidden)
      + .kept(2 * hidden + 5 * rank + 5 * hidden + (hasGate ? 5 : 4) * hidden)
  }

  func mix(
    _ x: Variable, layout: SequenceLayout, memory: inout Memory?, on tape: Tape
  ) -> Inputs {
    let difference = tape.tokenShiftDifference(x, layout: layout, memory: &memory, Self.last)
    let common = common.map(tape.parameter)
    let inner = tape.pointwise(
      tape.multiply(
        tape.add(x, tape.scaleChannels(difference, by: common[0])), matrix: common[1]), .tanh)
    return Inputs(
      means.enumerated().map { index, mean in
        let share = tape.add(
          tape.groupProduct(inner, common[2], group: index), bias: tape.parameter(mean))
        return tape.add(x, tape.multiply(difference, share))
      })
  }
}
