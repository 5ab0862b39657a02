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
      layer: index, layers: configuration.layers, attention: configuration.attention,
      hiddenSize: configuration.hiddenSize, hasRotaryPositions: rotary != nil)
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
  ///
  public func forward(_ x: Variable, _ pass: ForwardPass) -> Variable {
    let input = projections(attentionInput(x, on: pass.tape), pass)
    return finish(x, attention: mixer.forward(input, on: pass.tape), on: pass.tape)
  }

  /// What the query, key and value projections read: the residual stream, normalised unless norms
  /// stand behind the sums.
  public func attentionInput(_ x: Variable, on tape: Tape) -> Variable {
    if configuration.hasPostNorm { return x }
    return normalized(x, weights.attentionNorm, configuration.normalization, on: tape)
  }

  /// Queries, keys and values with positions applied, computed when they are asked for, and what
  /// mixers may read beside them.
  ///
  /// - Parameter normed: of `attentionInput`.
  public func projections(_ normed: Variable, _ pass: ForwardPass) -> MixerInput {
    MixerInput(stream: normed, layer: self, pass: pass) { role in
      let projected = self.project(normed, role, on: pass.tape)
      if role == .values || self.rotary == nil { return projected }
      return self.rotate(projected, positions: pass.layout.positions, on: pass.tape)
    }
  }

  /// What the attention block adds to the stream, `[tokens, hiddenSize]`.
  ///
  /// - Parameter attention: per-head outputs, `[tokens, queryHeads * headDim]`.
  public func attentionOutput(_ attention: Variable, on tape: Tape) -> Variable {
    project(attention, weights.output, .output, on: tape)
  }

  /// Output projection, residuals and feed-forward.
  ///
  /// - Parameter attention: per-head outputs, `[tokens, queryHeads * headDim]`.
  public func finish(_ x: Variable, attention: Variable, on tape: Tape) -> Variable {
    finish(x, added: attentionOutput(attention, on: tape), on: tape)
  }

  /// Residuals and feed-forward.
  ///
  /// - Parameter added: of `attentionOutput`.
  public func finish(_ x: Variable, added: Variable, on tape: Tape) -> Variable {
    let attended = tape.add(x, added)
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

  private var rotary: RotaryEmbedding? {
    if case .rotary(let rotary) = configuration.positions { return rotary }
    return nil
  }

  private func project(
    _ x: Variable, _ projection: Projection, _ role: AttentionProjection, on tape: Tape
  ) -> Variable {
    let y = tape.linear(x, projection.weight, bias: projection.bias)
    return adapters[role]?.apply(x, to: y, on: tape) ?? y
  }
}

extension DecoderLayer: LayerProjections {
  public func project(_ x: Variable, _ role: ProjectionRole, on tape: Tape) -> Variable {
    switch role {
    case .queries:
      normalizedHeads(project(x, weights.queries, .queries, on: tape), weights.queryNorm, on: tape)
    case .keys:
      normalizedHeads(project(x, weights.keys, .keys, on: tape), weights.keyNorm, on: tape)
    case .values: project(x, weights.values, .values, on: tape)
    }
  }

  public func rotate(_ x: Variable, positions: [Int32], on tape: Tape) -> Variable {
    guard let rotary else {
      preconditionFailure("positions of \(configuration.family) are not rotary")
    }
    return tape.rotate(
      x, rotary, headDim: configuration.attention.headDim, positions: positions)
  }

  private func normalizedHeads(_ x: Variable, _ norm: Weight?, on tape: Tape) -> Variable {
    guard let norm, case .rms(let epsilon) = configuration.normalization else { return x }
    return tape.rmsNorm(x, weight: norm.variable(on: tape), epsilon: epsilon)
  }
}
