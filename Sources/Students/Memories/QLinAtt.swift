import Differentiation
import Documents
import Operations

/// QLinAtt, the baseline of RADLADS (arXiv 2505.03005, section 4): linear attention of queries and
/// keys as they are, its outputs normalised head by head in place of a denominator,
///
///     outputs = LayerNorm((q kᵀ ⊙ M) v)
///
/// with the causal mask `M`. The norm has weight, bias and epsilon of RADLADS' GroupNorm, as the
/// paper does not say its own.
public struct QLinAtt: MixerSpecification, RecurrentMemorySpecification {
  public static let name = "qlinatt"
  public static let summary = "linear attention without a feature map, outputs normalised (RADLADS)"
  let isRotary: Bool

  public init(_ reader: DocumentReader) {
    isRotary = reader.isRotary(default: true)
  }

  public func conflicts(with geometry: LayerGeometry) -> [String] {
    recurrentConflicts(geometry, name: Self.name, isRotary: isRotary)
  }

  func makeMixer(_ geometry: LayerGeometry, seed: UInt64, delay: KeyDelay?) -> any TokenMixer {
    QLinAttMixer(isRotary: isRotary, geometry, seed: seed, delay: delay)
  }
}

private final class QLinAttMixer: TokenMixer {
  private let isRotary: Bool
  private let norm: HeadOutputNorm
  private let shape: RecurrentShape
  private let delay: KeyDelay?

  init(isRotary: Bool, _ geometry: LayerGeometry, seed: UInt64, delay: KeyDelay?) {
    self.isRotary = isRotary
    self.delay = delay
    let attention = geometry.attention
    norm = HeadOutputNorm(RADInitializer(geometry: geometry, seed: seed, purpose: "qlinatt"))
    shape = RecurrentShape(
      queryHeads: attention.queryHeads, keyHeads: attention.keyValueHeads,
      valueHeads: attention.keyValueHeads, keyDim: attention.headDim)
  }

  var parameters: [Parameter] { norm.parameters }

  func forward(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> Variable {
    let queries = isRotary ? input.queries : input.project(input.stream, .queries, on: tape)
    var keys = isRotary ? input.keys : input.project(input.stream, .keys, on: tape)
    var values = input.values
    if let delay {
      keys = delay.apply(keys, "keys", layout: input.layout, memory: &memory, on: tape)
      values = delay.apply(values, "values", layout: input.layout, memory: &memory, on: tape)
    }
    let outputs = tape.gatedLinearAttention(
      queries: queries, keys: keys, values: values, decay: .none, shape: shape,
      layout: input.layout, memory: &memory)
    memory?.position += input.layout.rows
    return tape.withoutPadding(norm.apply(outputs, on: tape), layout: input.layout)
  }

  func makeMemory() -> Memory {
    var memory = Memory()
    memory.addRecurrence(shape)
    delay?.add("keys", width: shape.keyWidth, to: &memory)
    delay?.add("values", width: shape.valueWidth, to: &memory)
    return memory
  }

  func cost(length: Int) -> MixerCost {
    // Queries and keys of its own, and what the delay makes of keys and values.
    let operands =
      (isRotary ? 0 : shape.queryWidth + shape.keyWidth)
      + (delay == nil ? 0 : (isRotary ? shape.keyWidth : 0) + shape.valueWidth)
    return MixerCost(operations: shape.gatedLinearAttentionOperations(isPerChannel: false))
      + .kept(operands) + norm.cost(width: shape.outputWidth)
  }
}
