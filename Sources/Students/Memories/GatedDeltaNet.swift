import Differentiation
import Documents
import Foundation
import Operations
import TensorCore

/// The gated delta net (arXiv 2412.06464) of exactly the shape that Qwen3.5 has it in
/// (`Qwen3_5GatedDeltaNet` of transformers), on the teacher's projections `q, k, v` without their
/// norms and positions. Of the layer's normed input `x`, per head, with key and value heads repeated
/// for their query heads:
///
///     q, k, v ← SiLU(conv(q)), SiLU(conv(k)), SiLU(conv(v))   over the last four tokens
///     q, k ← q / √(‖q‖² + 1e-6), k / √(‖k‖² + 1e-6)
///     g = −exp(A_log) softplus(x W_aᵀ + dt_bias),  β = σ(x W_bᵀ)
///     S_t = e^{g_t} (I − β_t k_tᵀ k_t) S_{t−1} + β_t k_tᵀ v_t,  y_t = q_t S_t / √headDim
///     outputs = RMSNorm(y) ⊙ SiLU(x W_zᵀ)
///
/// Qwen3.5 has as many query heads as key heads; a student's are those of the teacher's queries. A
/// fresh one has the identity for a convolution, β = ½, and decays of its own a head that no token
/// changes.
public struct GatedDeltaNet: MixerSpecification, RecurrentMemorySpecification,
  CalibratedSpecification
{
  public static let name = "gated-delta-net"
  public static let summary =
    "delta rule with a decay a head behind short convolutions, of Qwen3.5's shape"
  /// Of the norm of outputs, Qwen3.5's.
  public static let normEpsilon: Float = 1e-6
  let decayStart: DecayStart
  let gateStart: GateStart
  let initialTap: Double

  /// What the outputs are multiplied by before any training.
  enum GateStart: String, CaseIterable {
    case zero
    case calibrated
  }

  public init(_ reader: DocumentReader) {
    decayStart = .ofHeads(reader)
    gateStart = reader.choice(
      "gateStart", default: GateStart.zero,
      "What multiplies a head's outputs before training; zero: nothing comes of the layer's "
        + "attention; calibrated: about the size that the teacher's attention has in that head, "
        + "measured on sequences of the training data")
    initialTap = ShortConvolution.initialTap(reader)
  }

  public var isCalibrated: Bool { decayStart == .calibrated || gateStart == .calibrated }

  public func conflicts(with geometry: LayerGeometry) -> [String] {
    recurrentConflicts(geometry, name: Self.name, isRotary: false)
  }

  func makeMixer(_ geometry: LayerGeometry, seed: UInt64, delay: KeyDelay?) -> any TokenMixer {
    GatedDeltaNetMixer(self, geometry, delay: delay)
  }
}

private final class GatedDeltaNetMixer: StreamMixer {
  private let attention: AttentionShape
  private let queries, keys, values: ShortConvolution
  private let gate, decay, rate: Parameter
  private let decayFactor, decayOffset: Parameter
  private let norm: Parameter
  private let shape: RecurrentShape
  private let delay: KeyDelay?
  /// Makes of a root mean square the length.
  private let unit: Tensor

  init(_ specification: GatedDeltaNet, _ geometry: LayerGeometry, delay: KeyDelay?) {
    self.delay = delay
    let attention = geometry.attention
    self.attention = attention
    let tap = Float(specification.initialTap)
    queries = ShortConvolution("q_conv1d", width: attention.queryWidth, tap: tap)
    keys = ShortConvolution("k_conv1d", width: attention.keyWidth, tap: tap)
    values = ShortConvolution("v_conv1d", width: attention.keyWidth, tap: tap)
    let (heads, hidden) = (attention.queryHeads, geometry.hiddenSize)
    let moments = specification.gateStart == .calibrated ? geometry.replaced?.moments : nil
    let start =
      moments.map { moments in
        moments.constantGate(geometry) { inverseSiLU(moments.outputSize($0, of: heads)) }
      } ?? Tensor(zeros: [attention.queryWidth, hidden])
    gate = Parameter(name: "in_proj_z.weight", value: start)
    decay = Parameter(name: "in_proj_a.weight", value: Tensor(zeros: [heads, hidden]))
    rate = Parameter(name: "in_proj_b.weight", value: Tensor(zeros: [heads, hidden]))
    decayFactor = Parameter(name: "A_log", value: Tensor(zeros: [heads]))
    decayOffset = Parameter(name: "dt_bias", value: specification.decayStart.headOffsets(geometry))
    norm = Parameter(
      name: "norm.weight", value: Tensor(repeating: 1, [attention.headDim]))
    shape = RecurrentShape(
      queryHeads: heads, keyHeads: attention.keyValueHeads, keyDim: attention.headDim,
      scale: 1 / Float(attention.headDim).squareRoot())
    unit = Tensor(repeating: shape.scale, [attention.headDim])
  }

  var parameters: [Parameter] {
    [queries, keys, values].map(\.weight)
      + [gate, decay, rate, decayFactor, decayOffset, norm]
  }

  func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable {
    var operands = operands(input, memory: &memory, on: tape)
    if let delay {
      operands.delay(by: delay, layout: input.layout, memory: &memory, on: tape)
    }
    let outputs = tape.deltaRule(
      queries: operands.queries, keys: operands.keys, values: operands.values,
      removals: operands.removals, writes: operands.writes, decay: .head(operands.logDecays),
      shape: shape, layout: input.layout, memory: &memory)
    memory?.position += input.layout.rows
    let gated = tape.siluMultiply(
      gate: tape.linear(input.stream, tape.parameter(gate)),
      up: tape.rmsNorm(
        outputs, weight: tape.parameter(norm), epsilon: GatedDeltaNet.normEpsilon))
    return tape.withoutPadding(gated, layout: input.layout)
  }

  func makeMemory() -> Memory {
    var memory = Memory()
    memory.addRecurrence(shape)
    for convolution in [queries, keys, values] { convolution.add(to: &memory) }
    delay?.add("decays", width: shape.queryHeads, to: &memory)
    for name in ["keys", "removals"] { delay?.add(name, width: shape.keyWidth, to: &memory) }
    for name in ["values", "writes"] { delay?.add(name, width: shape.queryWidth, to: &memory) }
    return memory
  }

  func cost(length: Int) -> MixerCost {
    let (width, heads) = (shape.queryWidth, shape.queryHeads)
    let isRepeated = attention.group > 1
    // Of queries and keys what the convolution gives and its direction; keys and values for every
    // query head, what is written and what is removed.
    let operands =
      2 * (width + shape.keyWidth) + heads + shape.keyHeads
      + (isRepeated ? 2 : 1) * width + shape.keyWidth + 2 * width
    // The rates, the decays and what they are made of.
    let rates = 5 * heads
    var cost = MixerCost(operations: shape.deltaRuleOperations(isPerChannel: false))
    cost += .kept(operands + rates) + MixerCost(keptElements: shape.deltaRuleKeptElements)
    for convolution in [queries, keys, values] { cost += convolution.cost }
    for parameter in [gate, decay, rate] {
      cost += .product(parameter.value.shape[1], parameter.value.shape[0])
    }
    // Outputs, their sizes, what is left of them without, and the gate.
    return cost + .kept(3 * width + heads)
  }

  private func operands(_ input: MixerInput, memory: inout Memory?, on tape: Tape)
    -> DeltaRuleOperands
  {
    let x = input.stream
    let convolved = {
      (convolution: ShortConvolution, role: ProjectionRole, memory: inout Memory?) in
      convolution.apply(
        input.projectWithoutNorm(x, role, on: tape), layout: input.layout, memory: &memory, on: tape
      )
    }
    let direction = { (x: Variable) in
      tape.rmsNorm(
        x, weight: tape.constant(self.unit), epsilon: 1e-6 / Float(self.attention.headDim))
    }
    let queries = direction(convolved(queries, .queries, &memory))
    let keys = direction(convolved(keys, .keys, &memory))
    let values = convolved(values, .values, &memory)
    let rates = tape.pointwise(tape.linear(x, tape.parameter(rate)), .sigmoid)
    let speeds = tape.pointwise(
      tape.add(
        tape.linear(x, tape.parameter(decay)), bias: tape.parameter(decayOffset)), .softplus)
    let logDecays = tape.affine(
      tape.scaleChannels(speeds, by: tape.pointwise(tape.parameter(decayFactor), .exp)), scale: -1)
    // The rule's removal reads the state before its decay.
    let kept = tape.multiply(rates, tape.pointwise(logDecays, .exp))
    let heads = attention.queryHeads
    return DeltaRuleOperands(
      queries: queries, keys: keys,
      values: tape.scaleHeads(
        tape.repeatedOverGroups(values, attention), by: rates, heads: heads),
      removals: tape.affine(keys, scale: -1),
      writes: tape.scaleHeads(tape.repeatedOverGroups(keys, attention), by: kept, heads: heads),
      logDecays: logDecays)
  }
}

/// The positive number whose SiLU is `y`, at least 0, to double precision.
private func inverseSiLU(_ y: Double) -> Double {
  var (low, high) = (0.0, y + 1)
  for _ in 0..<60 {
    let middle = (low + high) / 2
    if middle / (1 + exp(-middle)) < y { low = middle } else { high = middle }
  }
  return (low + high) / 2
}
