import Differentiation
import Documents
import Operations
import TensorCore

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
  private let attention: AttentionShape
  private let norm: HeadOutputNorm
  private let shape: GatedLinearAttentionShape
  private let delay: KeyDelay?

  init(isRotary: Bool, _ geometry: LayerGeometry, seed: UInt64, delay: KeyDelay?) {
    self.isRotary = isRotary
    self.delay = delay
    attention = geometry.attention
    norm = HeadOutputNorm(RADInitializer(geometry: geometry, seed: seed, purpose: "qlinatt"))
    shape = GatedLinearAttentionShape(
      heads: attention.queryHeads, headDim: attention.headDim, scale: 1)
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
      queries: queries, keys: tape.repeatedOverGroups(keys, attention),
      values: tape.repeatedOverGroups(values, attention),
      logDecays: tape.constant(Tensor(zeros: queries.value.shape)), shape: shape,
      layout: input.layout, memory: &memory)
    memory?.position += input.layout.rows
    return tape.withoutPadding(norm.apply(outputs, on: tape), layout: input.layout)
  }

  func makeMemory() -> Memory {
    var memory = shape.makeMemory()
    delay?.add(["keys", "values"], width: attention.keyWidth, to: &memory)
    return memory
  }
}
