import Differentiation
import Operations
import Students
import TensorCore

/// One block: attention with its projections, and the feed-forward network.
///
/// The pieces are separate because stages use them apart: attention transfer trains mixers on
/// `projections`, and carries the teacher's stream on with `finish`.
public final class DecoderLayer {
  public let index: Int
  /// Kept equal to the decoder's.
  public internal(set) var weights: BlockWeights
  public let configuration: DecoderConfiguration
  /// The teacher's softmax attention until a student's takes its place.
  public var mixer: any TokenMixer
  public var adapters: [AttentionProjection: LowRankAdapter] = [:]

  init(index: Int, weights: BlockWeights, configuration: DecoderConfiguration) {
    self.index = index
    self.weights = weights
    self.configuration = configuration
    mixer = SoftmaxAttentionMixer(
      shape: configuration.attention, window: configuration.slidingWindows[index])
  }

  public var geometry: LayerGeometry {
    LayerGeometry(
      layer: index, attention: configuration.attention, hiddenSize: configuration.hiddenSize)
  }

  /// The teacher's own attention, whatever mixer stands here now.
  public var teacherMixer: SoftmaxAttentionMixer {
    SoftmaxAttentionMixer(
      shape: configuration.attention, window: configuration.slidingWindows[index])
  }

  public var parameters: [Parameter] {
    mixer.parameters
      + AttentionProjection.allCases.compactMap { adapters[$0] }.flatMap { [$0.a, $0.b] }
  }

  /// `[tokens, hiddenSize] -> [tokens, hiddenSize]`.
  public func forward(
    _ x: Variable, layout: SequenceLayout, positions: [Int32], on tape: Tape
  ) -> Variable {
    let input = projections(
      attentionInput(x, on: tape), layout: layout, positions: positions, on: tape)
    return finish(x, attention: mixer.mix(input, on: tape), on: tape)
  }

  /// What the query, key and value projections read: the residual stream, normalised unless norms
  /// stand behind the sums.
  public func attentionInput(_ x: Variable, on tape: Tape) -> Variable {
    if configuration.hasPostNorm { return x }
    return normalized(x, weights.attentionNorm, configuration.normalization, on: tape)
  }

  /// Queries, keys and values with positions applied.
  public func projections(
    _ normed: Variable, layout: SequenceLayout, positions: [Int32], on tape: Tape
  ) -> MixerInput {
    var queries = project(normed, weights.queries, .queries, on: tape)
    var keys = project(normed, weights.keys, .keys, on: tape)
    let values = project(normed, weights.values, .values, on: tape)
    if let queryNorm = weights.queryNorm, let keyNorm = weights.keyNorm,
      case .rms(let epsilon) = configuration.normalization
    {
      queries = tape.rmsNorm(queries, weight: queryNorm.variable(on: tape), epsilon: epsilon)
      keys = tape.rmsNorm(keys, weight: keyNorm.variable(on: tape), epsilon: epsilon)
    }
    if case .rotary(let rotary) = configuration.positions {
      let headDim = configuration.attention.headDim
      queries = tape.rotate(queries, rotary, headDim: headDim, positions: positions)
      keys = tape.rotate(keys, rotary, headDim: headDim, positions: positions)
    }
    return MixerInput(queries: queries, keys: keys, values: values, layout: layout)
  }

  /// Output projection, residuals and feed-forward.
  ///
  /// - Parameter attention: per-head outputs, `[tokens, queryHeads * headDim]`.
  public func finish(_ x: Variable, attention: Variable, on tape: Tape) -> Variable {
    let attended = tape.add(x, project(attention, weights.output, .output, on: tape))
    if configuration.hasPostNorm {
      let normed = normalized(
        attended, weights.attentionNorm, configuration.normalization, on: tape)
      return normalized(
        tape.add(normed, feedForward(normed, on: tape)), weights.feedForwardNorm,
        configuration.normalization, on: tape)
    }
    let source = configuration.hasParallelResidual ? x : attended
    let normed = normalized(source, weights.feedForwardNorm, configuration.normalization, on: tape)
    return tape.add(attended, feedForward(normed, on: tape))
  }

  /// The projection of this role, without its adapter.
  public func projection(_ role: AttentionProjection) -> Projection {
    switch role {
    case .queries: weights.queries
    case .keys: weights.keys
    case .values: weights.values
    case .output: weights.output
    }
  }

  private func feedForward(_ x: Variable, on tape: Tape) -> Variable {
    let up = tape.linear(x, weights.up.weight, bias: weights.up.bias)
    let hidden: Variable
    if let gate = weights.gate {
      let gated = tape.linear(x, gate.weight, bias: gate.bias)
      precondition(configuration.activation == .silu, "gated blocks use SiLU")
      hidden = tape.siluMultiply(gate: gated, up: up)
    } else {
      hidden = tape.activation(up, configuration.activation)
    }
    return tape.linear(hidden, weights.down.weight, bias: weights.down.bias)
  }

  private func project(
    _ x: Variable, _ projection: Projection, _ role: AttentionProjection, on tape: Tape
  ) -> Variable {
    let y = tape.linear(x, projection.weight, bias: projection.bias)
    return adapters[role]?.apply(x, to: y, on: tape) ?? y
  }
}
