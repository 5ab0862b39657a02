import TensorCore

/// Gradients of `gatedLinearAttention`, zero on padding.
public struct GatedLinearAttentionGradients: Sendable {
  /// Shaped as the operands are.
  public var queries, keys, values: Tensor
  /// For the log decays; nil where no operand has them.
  public var decay: Tensor?
  /// For the state before every segment.
  public var initial: RecurrentState<Tensor>
}

/// Gradients of `gatedLinearAttention`, chunk by chunk from the last, with the gradient of the state
/// carried backwards. The states before the chunks are computed again, and kept while a head of a
/// segment is worked on: `keyDim * valueDim` floats for every 16 tokens where every channel decays
/// at its own rate, else for every 32.
///
/// - Parameters:
///   - numerator: the gradient for the numerators; 0 where left out.
///   - denominator: the gradient for the denominators, where there are any; 0 where left out.
///   - final: the gradient for the final states; 0 where left out.
public func gatedLinearAttentionGradients(
  numerator: Tensor?, denominator: Tensor? = nil, final: RecurrentState<Tensor?>? = nil,
  queries: Tensor, keys: Tensor, values: Tensor, decay: RecurrentDecay<Tensor>,
  shape: RecurrentShape, layout: SequenceLayout, initial: RecurrentState<Tensor>? = nil,
  isNormalized: Bool = false, isCausal: Bool = true
) -> GatedLinearAttentionGradients {
  let operands = GatedOperands(
    queries: queries, keys: keys, values: values, decay: decay, initial: initial,
    isNormalized: isNormalized, isCausal: isCausal, shape: shape, layout: layout)
  let numerator = numerator ?? Tensor(zeros: [layout.rows, shape.outputWidth])
  let denominator =
    denominator ?? Tensor(zeros: [isNormalized ? layout.rows : 0, shape.queryHeads])
  precondition(
    numerator.shape == [layout.rows, shape.outputWidth]
      && denominator.shape == [isNormalized ? layout.rows : 0, shape.queryHeads],
    "gradients \(numerator.shape) and \(denominator.shape) for \(shape)")
  // The gradient of the final states, carried back, becomes that of the initial ones.
  let zeros = RecurrentState(
    emptyFor: shape, segments: layout.segments.count, isNormalized: isNormalized)
  var results = [
    Tensor(uninitialized: [layout.rows, shape.queryWidth]),
    Tensor(uninitialized: [layout.rows, shape.queryWidth]),
    Tensor(uninitialized: [layout.rows, shape.outputWidth]),
    final?.sums ?? zeros.sums,
    (final?.normalizer ?? nil) ?? zeros.normalizer ?? Tensor(zeros: [0]),
  ]
  if let operand = decay.operand { results.append(Tensor(uninitialized: operand.shape)) }
  withPointers(writing(&results)) { results in
    zeroPadding(layout, results[0], width: shape.queryWidth)
    zeroPadding(layout, results[1], width: shape.queryWidth)
    zeroPadding(layout, results[2], width: shape.outputWidth)
    let decayDim = decay.operand.map { $0.shape[1] / shape.queryHeads }
    if let operand = decay.operand { zeroPadding(layout, results[5], width: operand.shape[1]) }
    withPointers(numerator, denominator) { numerator, denominator in
      operands.withHeads { head, place in
        head.backward(
          GatedBackward(
            numerator: place.rows(numerator, dim: shape.valueDim),
            denominator: isNormalized ? place.rows(denominator, dim: 1) : nil,
            queries: place.rows(results[0], dim: shape.keyDim),
            keys: place.rows(results[1], dim: shape.keyDim),
            values: place.rows(results[2], dim: shape.valueDim),
            decay: decayDim.map { place.rows(results[5], dim: $0) },
            later: GatedState(
              sums: results[3] + place.slot * shape.stateCount,
              normalizer: isNormalized ? results[4] + place.slot * shape.keyDim : nil)))
      }
    }
  }
  return GatedLinearAttentionGradients(
    queries: results[0],
    keys: summedOverGroups(
      results[1], from: shape.queryHeads, to: shape.keyHeads, dim: shape.keyDim),
    values: summedOverGroups(
      results[2], from: shape.queryHeads, to: shape.valueHeads, dim: shape.valueDim),
    decay: decay.operand == nil ? nil : results[5],
    initial: RecurrentState(sums: results[3], normalizer: isNormalized ? results[4] : nil))
}

/// Gradients of one head of one segment: `numerator` and `denominator` are given, the others
/// written; `later` is that of the final state before, and that of the initial state after.
struct GatedBackward {
  let numerator: HeadRows
  let denominator: HeadRows?
  let queries, keys, values: MutableHeadRows
  /// Where an operand has the log decays.
  let decay: MutableHeadRows?
  let later: GatedState
}

extension GatedHead {
  func backward(_ pass: GatedBackward) {
    if !isCausal {
      backwardOfAll(pass)
    } else if decay.isPerChannel {
      backward(ChannelDecayChunk.self, pass)
    } else {
      backward(ScalarDecayChunk.self, pass)
    }
  }

  private func backward<Chunk: GatedChunk>(_: Chunk.Type, _ pass: GatedBackward) {
    let ranges = chunks(of: Chunk.length)
    let common = Chunk.elements(self, forGradients: true)
    let size = keyDim * valueDim + keyDim
    var scratch = Tensor(uninitialized: [common + ranges.count * size])
    scratch.withMutablePointer { scratch in
      let chunk = { (index: Int) in
        let chunk = Chunk(self, ranges[index], scratch, forGradients: true)
        chunk.prepareDecays()
        chunk.prepareKeys()
        return chunk
      }
      let state = { (index: Int) in
        let sums = scratch + common + index * size
        return GatedState(
          sums: sums, normalizer: pass.later.normalizer == nil ? nil : sums + keyDim * valueDim)
      }
      copyInitial(to: state(0))
      for index in 1..<max(1, ranges.count) {
        state(index).sums.update(from: state(index - 1).sums, count: size)
        chunk(index - 1).advance(state(index))
      }
      for index in ranges.indices.reversed() {
        let chunk = chunk(index)
        chunk.prepareQueries()
        chunk.prepareProducts()
        chunk.valueGradients(pass)
        chunk.gradients(pass, state: state(index))
        chunk.carryBack(pass)
      }
    }
  }
}
