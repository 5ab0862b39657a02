import Differentiation
import Operations
import Students
import TensorCore

/// One block: attention with its projections, and the feed-forward network.
///
/// The pieces are separate because stages use them apart: attention transfer trains mixers on
/// `projections`, and carries the teacher's stream on with `finish`.
public final class DecoderLayer {
  /// Index of the layer, from 0.
  public let index: Int
  /// Kept equal to the decoder's.
  public internal(set) var block: Block
  /// Sizes of the model.
  public let configuration: DecoderConfiguration
  /// Of the decoder that the layer is part of.
  private let residency: WeightResidency
  /// The teacher's softmax attention until a student's takes its place.
  public var mixer: any TokenMixer
  /// Low-rank updates by the projection that they are added to.
  public var adapters: [AttentionProjection: LowRankAdapter] = [:]

  init(
    index: Int, block: Block, configuration: DecoderConfiguration, residency: WeightResidency
  ) {
    self.index = index
    self.block = block
    self.residency = residency
    self.configuration = configuration
    mixer = SoftmaxAttentionMixer(
      shape: configuration.attention, window: configuration.slidingWindows[index])
  }

  /// A walk through the layers has come here: weights of the layer that it left are let go.
  func enter(_ pass: ForwardPass) { residency.enter(index, rows: pass.layout.rows) }

  /// What a mixer must know to stand here.
  public var geometry: LayerGeometry {
    LayerGeometry(
      layer: index, layers: configuration.layers, attention: configuration.attention,
      hiddenSize: configuration.hiddenSize,
      hasRotaryPositions: configuration.positions != .learned)
  }

  /// The teacher's own attention, whatever mixer stands here now.
  public var teacherMixer: SoftmaxAttentionMixer {
    SoftmaxAttentionMixer(
      shape: configuration.attention, window: configuration.slidingWindows[index])
  }

  /// The mixer's parameters and those of the adapters.
  public var parameters: [Parameter] {
    mixer.parameters
      + AttentionProjection.allCases.compactMap { adapters[$0] }.flatMap { [$0.a, $0.b] }
  }

  /// `[tokens, hiddenSize] -> [tokens, hiddenSize]`.
  public func forward(_ x: Variable, _ pass: ForwardPass) -> Variable {
    enter(pass)
    let input = projections(attentionInput(x, on: pass.tape), pass)
    return finish(x, attention: mixer.forward(input, on: pass.tape), on: pass.tape)
  }

  /// What the query, key and value projections read: the residual stream, normalised where the
  /// family does so before its attention.
  public func attentionInput(_ x: Variable, on tape: Tape) -> Variable {
    block.attentionInput(x, on: tape)
  }

  /// Queries, keys and values with positions applied, computed when they are asked for, and what
  /// mixers may read beside them.
  ///
  /// - Parameter normed: of `attentionInput`.
  public func projections(_ normed: Variable, _ pass: ForwardPass) -> MixerInput {
    MixerInput(stream: normed, layer: self, pass: pass) { role in
      let projected = self.project(normed, role, on: pass.tape)
      if role == .values { return projected }
      return self.rotate(projected, layout: pass.layout, on: pass.tape)
    }
  }

  /// What attention makes for the stream, `[tokens, hiddenSize]`; a family may normalise it before
  /// it is added.
  ///
  /// - Parameter attention: per-head outputs, `[tokens, queryHeads * headDim]`.
  public func attentionOutput(_ attention: Variable, on tape: Tape) -> Variable {
    project(attention, .output, on: tape)
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
    block.finish(x, attention: added, on: tape)
  }

  /// The projection of this role, without its adapter.
  public func projection(_ role: AttentionProjection) -> Projection { block.attention[role] }

  private func project(
    _ x: Variable, _ role: AttentionProjection, on tape: Tape
  ) -> Variable {
    let projection = block.attention[role]
    let y = tape.linear(x, projection.weight, bias: projection.bias)
    return adapters[role]?.apply(x, to: y, on: tape) ?? y
  }
}

extension DecoderLayer: LayerProjections {
  public func project(_ x: Variable, _ role: ProjectionRole, on tape: Tape) -> Variable {
    let projected = projectWithoutNorm(x, role, on: tape)
    return switch role {
    case .queries: block.attention.queryNorm?(projected, on: tape) ?? projected
    case .keys: block.attention.keyNorm?(projected, on: tape) ?? projected
    case .values: projected
    }
  }

  public func projectWithoutNorm(_ x: Variable, _ role: ProjectionRole, on tape: Tape) -> Variable {
    switch role {
    case .queries: project(x, AttentionProjection.queries, on: tape)
    case .keys: project(x, AttentionProjection.keys, on: tape)
    case .values: project(x, AttentionProjection.values, on: tape)
    }
  }

  /// Leaves `x` as it is where this layer's positions are not rotary.
  public func rotate(_ x: Variable, layout: SequenceLayout, on tape: Tape) -> Variable {
    guard case .rotary(let layers) = configuration.positions, let rotary = layers[index] else {
      return x
    }
    return tape.rotate(
      x, rotary, headDim: configuration.attention.headDim, layout: layout)
  }
}
