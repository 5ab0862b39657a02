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
  let rows = layout.rows
  let numerator = numerator ?? Tensor(zeros: [rows, shape.outputWidth])
  let denominator = isNormalized ? denominator ?? Tensor(zeros: [rows, shape.queryHeads]) : nil
  precondition(
    numerator.shape == [rows, shape.outputWidth]
      && denominator?.shape == (isNormalized ? [rows, shape.queryHeads] : nil),
    "gradients \(numerator.shape) and \(String(describing: denominator?.shape)) for \(shape)")
  // A row of every query head, also where heads share keys or values.
  var queryGradient = Tensor(uninitialized: [rows, shape.queryWidth])
  var keyGradient = Tensor(uninitialized: [rows, shape.queryWidth])
  var valueGradient = Tensor(uninitialized: [rows, shape.outputWidth])
  var decayGradient = decay.operand.map { Tensor(uninitialized: $0.shape) }
  let decayDim = decay.operand.map { $0.shape[1] / shape.queryHeads } ?? 0
  // The gradient of the final states, carried back, becomes that of the initial ones.
  var later = RecurrentState(
    emptyFor: shape, segments: layout.segments.count, isNormalized: isNormalized)
  if let sums = final?.sums { later.sums = sums }
  if isNormalized, let normalizer = final?.normalizer ?? nil { later.normalizer = normalizer }
  withPointers(
    writing(&queryGradient), writing(&keyGradient), writing(&valueGradient),
    writing(&decayGradient), writing(&later.sums), writing(&later.normalizer), numerator,
    denominator
  ) { queries, keys, values, decays, sums, normalizer, numerator, denominator in
    zeroPadding(layout, queries, width: shape.queryWidth)
    zeroPadding(layout, keys, width: shape.queryWidth)
    zeroPadding(layout, values, width: shape.outputWidth)
    if let decays { zeroPadding(layout, decays, width: shape.queryHeads * decayDim) }
    operands.withHeads { head, place in
      head.backward(
        GatedBackward(
          numerator: place.rows(numerator, dim: shape.valueDim),
          denominator: denominator.map { place.rows($0, dim: 1) },
          queries: place.rows(queries, dim: shape.keyDim),
          keys: place.rows(keys, dim: shape.keyDim),
          values: place.rows(values, dim: shape.valueDim),
          decay: decays.map { place.rows($0, dim: decayDim) },
          later: GatedState(
            sums: sums + place.slot * shape.stateCount,
            normalizer: normalizer.map { $0 + place.slot * shape.keyDim })))
    }
  }
  return GatedLinearAttentionGradients(
    queries: queryGradient,
    keys: summedOverGroups(
      keyGradient, from: shape.queryHeads, to: shape.keyHeads, dim: shape.keyDim),
    values: summedOverGroups(
      valueGradient, from: shape.queryHeads, to: shape.valueHeads, dim: shape.valueDim),
    decay: decayGradient, initial: later)
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
    var memory = Tensor(uninitialized: [common + ranges.count * size])
    memory.withMutablePointer { scratch in
      let chunk = { (index: Int) in
        let chunk = Chunk(self, ranges[index], scratch, forGradients: true)
        chunk.prepareDecays()
        chunk.prepareKeys()
        return chunk
      }
      // Before every chunk.
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
