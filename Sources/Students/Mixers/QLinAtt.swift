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
public struct QLinAtt: MixerSpecification {
  public static let name = "qlinatt"
  public static let summary = "linear attention without a feature map, outputs normalised (RADLADS)"
  let isRotary: Bool

  public init(_ reader: DocumentReader) {
    isRotary = reader.isRotary(default: true)
  }

  public func conflicts(with geometry: LayerGeometry) -> [String] {
    recurrentConflicts(geometry, name: Self.name, isRotary: isRotary)
  }

  public func makeMixer(_ geometry: LayerGeometry, seed: UInt64) -> any TokenMixer {
    QLinAttMixer(isRotary: isRotary, geometry, seed: seed)
  }
}

private final class QLinAttMixer: TokenMixer {
  private let isRotary: Bool
  private let attention: AttentionShape
  private let norm: HeadOutputNorm
  fileprivate let shape: GatedLinearAttentionShape

  init(isRotary: Bool, _ geometry: LayerGeometry, seed: UInt64) {
    self.isRotary = isRotary
    attention = geometry.attention
    norm = HeadOutputNorm(RADInitializer(geometry: geometry, seed: seed, purpose: "qlinatt"))
    shape = GatedLinearAttentionShape(
      heads: attention.queryHeads, headDim: attention.headDim, scale: 1)
  }

  var parameters: [Parameter] { norm.parameters }

  func mix(_ input: MixerInput, on tape: Tape) -> Variable {
    let (queries, keys, values) = operands(input, on: tape)
    let outputs = tape.gatedLinearAttention(
      queries: queries, keys: keys, values: values,
      logDecays: tape.constant(Tensor(zeros: queries.value.shape)), shape: shape,
      layout: input.layout)
    return tape.withoutPadding(norm.apply(outputs, on: tape), layout: input.layout)
  }

  func makeState() -> any MixerState { QLinAttState(self) }

  /// `[tokens, queryHeads * headDim]` each.
  fileprivate func operands(_ input: MixerInput, on tape: Tape) -> (
    queries: Variable, keys: Variable, values: Variable
  ) {
    let queries = isRotary ? input.queries : input.project(input.stream, .queries, on: tape)
    let keys = isRotary ? input.keys : input.project(input.stream, .keys, on: tape)
    return (
      queries, tape.repeatedOverGroups(keys, attention),
      tape.repeatedOverGroups(input.values, attention)
    )
  }

  fileprivate func finish(_ outputs: Tensor) -> Tensor {
    let tape = Tape(isRecording: false)
    return norm.apply(tape.constant(outputs), on: tape).value
  }
}

private final class QLinAttState: MixerState {
  private let mixer: QLinAttMixer
  private var state: GatedLinearAttentionState

  init(_ mixer: QLinAttMixer, _ state: GatedLinearAttentionState? = nil) {
    self.mixer = mixer
    self.state = state ?? GatedLinearAttentionState(mixer.shape)
  }

  func copy() -> any MixerState { QLinAttState(mixer, state.copied()) }

  var position: Int { state.position }
  var bytes: Int { state.bytes }

  func advance(_ input: MixerInput) -> Tensor {
    let operands = mixer.operands(input, on: Tape(isRecording: false))
    let queries = operands.queries.value
    return mixer.finish(
      state.advance(
        queries: queries, keys: operands.keys.value, values: operands.values.value,
        logDecays: Tensor(zeros: queries.shape)))
  }
}
