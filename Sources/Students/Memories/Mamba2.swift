import Differentiation
import Documents
import Operations
import TensorCore

/// Mamba-2 (arXiv 2405.21060) of the shape that GraniteMoeHybrid of transformers has it in, on the
/// teacher's projections: values are its inputs, keys its `B` and queries its `C`, without their norms and
/// positions. Of the layer's normed input `x`, per head, with key and value heads repeated for their query
/// heads:
///
///     v, k, q ← SiLU(conv(v)), SiLU(conv(k)), SiLU(conv(q))   over the last four tokens
///     Δ = softplus(x W_dtᵀ + dt_bias)
///     S_t = e^{−Δ_t exp(A_log)} S_{t−1} + Δ_t k_tᵀ v_t,  y_t = q_t S_t + D v_t
///     outputs = RMSNorm(y ⊙ SiLU(x W_zᵀ)) ⊙ weight
///
/// There are as many groups as query heads, so that every head's outputs are normalised by themselves. A
/// fresh one has the identity for a convolution, decays of its own a head that no token changes, `D = 1`,
/// and gates that are nearly the same for every token. Gates of zero, with which nothing would come of the
/// layer at first, there are none: the norm stands behind them and makes everything of next to nothing.
public struct Mamba2: MixerSpecification, RecurrentMemorySpecification, CalibratedSpecification {
  public static let name = "mamba-2"
  public static let summary =
    "state space with a decay a head behind short convolutions, of GraniteMoeHybrid's shape"
  /// Of the norm of outputs: Llama's and Mistral's usual one, which Granite's models share among all norms.
  public static let normEpsilon: Float = 1e-5
  let decayStart: DecayStart
  let initialTap: Double

  public init(_ reader: DocumentReader) {
    decayStart = .ofHeads(reader)
    initialTap = ShortConvolution.initialTap(reader)
  }

  /// Its gates always are.
  public var isCalibrated: Bool { true }

  public func conflicts(with geometry: LayerGeometry) -> [String] {
    recurrentConflicts(geometry, name: Self.name, isRotary: false)
  }

  func makeMixer(_ geometry: LayerGeometry, seed: UInt64, delay: KeyDelay?) -> any TokenMixer {
    Mamba2Mixer(self, geometry, seed: seed, delay: delay)
  }
}

private final class Mamba2Mixer: StreamMixer {
  private let attention: AttentionShape
  private let queries, keys, values: ShortConvolution
  private let gate, step: Parameter
  private let decayFactor, stepOffset, skip: Parameter
  private let norm: Parameter
  private let shape: RecurrentShape
  private let delay: KeyDelay?
  private let ones: Tensor

  init(_ specification: Mamba2, _ geometry: LayerGeometry, seed: UInt64, delay: KeyDelay?) {
    self.delay = delay
    let attention = geometry.attention
    self.attention = attention
    let tap = Float(specification.initialTap)
    queries = ShortConvolution("q_conv1d", width: attention.queryWidth, tap: tap)
    keys = ShortConvolution("k_conv1d", width: attention.keyWidth, tap: tap)
    values = ShortConvolution("v_conv1d", width: attention.keyWidth, tap: tap)
    let (heads, width) = (attention.queryHeads, attention.queryWidth)
    let moments = geometry.replaced?.moments
    gate = Self.gate(moments, geometry, seed: seed)
    // The norm takes the gate's size away, so that the teacher's is its weight's.
    let sizes = (0..<width).map { channel in
      Float(moments?.outputSize(channel / attention.headDim, of: heads) ?? 1)
    }
    norm = Parameter(name: "norm.weight", value: Tensor(sizes, [width]))
    step = Parameter(
      name: "in_proj_dt.weight", value: Tensor(zeros: [heads, geometry.hiddenSize]))
    decayFactor = Parameter(name: "A_log", value: Tensor(zeros: [heads]))
    stepOffset = Parameter(
      name: "dt_bias", value: specification.decayStart.headOffsets(geometry))
    skip = Parameter(name: "D", value: Tensor(repeating: 1, [heads]))
    shape = RecurrentShape(
      queryHeads: heads, keyHeads: attention.keyValueHeads, keyDim: attention.headDim)
    ones = Tensor(repeating: 1, [attention.headDim])
  }

  /// Of a layer that nobody looked at, drawn as a linear layer's weights are.
  private static func gate(_ moments: LayerMoments?, _ geometry: LayerGeometry, seed: UInt64)
    -> Parameter
  {
    let name = "in_proj_z.weight"
    if let moments {
      return Parameter(name: name, value: moments.constantGate(geometry) { _ in 1 })
    }
    return RADInitializer(geometry: geometry, seed: seed, purpose: Mamba2.name).uniform(
      name, [geometry.attention.queryWidth, geometry.hiddenSize],
      bound: 1 / Float(geometry.hiddenSize).squareRoot())
  }

  var parameters: [Parameter] {
    [queries, keys, values].map(\.weight) + [gate, step, decayFactor, stepOffset, skip, norm]
  }

  func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable {
    let x = input.stream
    let convolved = {
      (convolution: ShortConvolution, role: ProjectionRole, memory: inout Memory?) in
      convolution.apply(
        input.projectWithoutNorm(x, role, on: tape), layout: input.layout, memory: &memory, on: tape
      )
    }
    let queries = convolved(queries, .queries, &memory)
    var keys = convolved(keys, .keys, &memory)
    var values = convolved(values, .values, &memory)
    var steps = tape.pointwise(
      tape.add(tape.linear(x, tape.parameter(step)), bias: tape.parameter(stepOffset)), .softplus)
    if let delay {
      keys = delay.apply(keys, "keys", layout: input.layout, memory: &memory, on: tape)
      values = delay.apply(values, "values", layout: input.layout, memory: &memory, on: tape)
      steps = delay.apply(steps, "steps", layout: input.layout, memory: &memory, on: tape)
    }
    let heads = attention.queryHeads
    values = tape.repeatedOverGroups(values, attention)
    let logDecays = tape.affine(
      tape.scaleChannels(steps, by: tape.pointwise(tape.parameter(decayFactor), .exp)), scale: -1)
    let outputs = tape.gatedLinearAttention(
      queries: queries, keys: keys,
      values: tape.scaleHeads(values, by: steps, heads: heads), decay: .head(logDecays),
      shape: shape, layout: input.layout, memory: &memory)
    memory?.position += input.layout.rows
    let skipped = tape.scaleHeads(values, by: tape.parameter(skip), heads: heads)
    let gated = tape.siluMultiply(
      gate: tape.linear(x, tape.parameter(gate)), up: tape.add(outputs, skipped))
    let normed = tape.rmsNorm(
      gated, weight: tape.constant(ones), epsilon: Mamba2.normEpsilon)
    return tape.withoutPadding(
      tape.scaleChannels(normed, by: tape.parameter(norm)), layout: input.layout)
  }

  func makeMemory() -> Memory {
    var memory = Memory()
    memory.addRecurrence(shape)
    for convolution in [queries, keys, values] { convolution.add(to: &memory) }
    delay?.add("steps", width: shape.queryHeads, to: &memory)
    for name in ["keys", "values"] { delay?.add(name, width: attention.keyWidth, to: &memory) }
    return memory
  }

  func cost(length: Int) -> MixerCost {
    let (width, heads) = (shape.queryWidth, shape.queryHeads)
    var cost = MixerCost(
      operations: shape.gatedLinearAttentionOperations(isPerChannel: false))
    for convolution in [queries, keys, values] { cost += convolution.cost }
    for parameter in [gate, step] {
      cost += .product(parameter.value.shape[1], parameter.value.shape[0])
    }
    // Queries, keys, values once for every query head and what is written of them, steps and decays;
    // outputs, the gate, their product, its size and what is left of it without.
    let operands = 3 * width + shape.keyWidth + 2 * heads + (delay == nil ? 0 : heads)
    return cost + .kept(operands + 4 * width + heads)
  }
}
