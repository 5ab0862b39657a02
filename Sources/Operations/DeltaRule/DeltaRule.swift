import TensorCore

/// What the backward pass of a delta rule needs of the forward, besides its operands.
public struct DeltaRuleSaved: Sendable {
  /// `z_t P_{t−1}`, what every token finds under its removal key, `[tokens, queryHeads * valueDim]`.
  public let readings: Tensor
  /// `P` before every 64th token of every segment or thereabouts, `[states, queryHeads, keyDim,
  /// valueDim]`.
  public let states: Tensor
}

/// The delta rule with diagonal decay, of rank one, that RWKV-7 (arXiv 2503.14456, section 3;
/// RAD-RWKV7 in RADLADS, arXiv 2505.03005) has in place of attention; DeltaNet (arXiv 2406.06484) and
/// its gated form (arXiv 2412.06464) are cases. Per head, with row vectors and a state `P`,
/// `[keyDim, valueDim]`:
///
///     P_t = diag(w_t) P_{t−1} + β_tᵀ (z_t P_{t−1}) + k_tᵀ v_t
///     o_t = scale q_t P_t
///
/// The removal reads the state before its decay, the output the state after its update. RWKV-7 has
/// `z = −κ` and `β = κ ⊙ a`.
///
/// Computed in chunks with matrix products: within a chunk that starts from `P`, with `Λ_t` the
/// product of decays up to and with `t` and `Γ_t` of those after `t`,
///
///     E = (I − A_zβ)⁻¹ ((z ⊙ Λ_{t−1}) P + A_zk V)          A_zx[t, s] = Σ z_t x_s Λ_{t−1}/Λ_s, s < t
///     O = scale ((q ⊙ Λ) P + A_qβ E + A_qk V)              A_qx[t, s] = Σ q_t x_s Λ_t/Λ_s,     s ≤ t
///     P ← Λ_C ⊙ P + (β ⊙ Γ)ᵀ E + (k ⊙ Γ)ᵀ V
///
/// Every ratio of decays is the product of the decays between, and so at most 1: no decay, however
/// strong, overflows, and none loses precision. Time and memory are linear in the length. One token
/// that continues a sequence is computed by the recurrence.
///
/// - Parameters:
///   - queries: `q`, `[tokens, queryHeads * keyDim]`.
///   - keys: `k`, `[tokens, keyHeads * keyDim]`.
///   - values: `v`, `[tokens, valueHeads * valueDim]`.
///   - removals: `z`, shaped as the keys or as the queries are.
///   - writes: `β`, shaped as the keys or as the queries are.
///   - layout: where a segment continues a sequence from `initial`, its `firstPosition` says at
///     which position.
///   - initial: the state before every segment, without normaliser; nil where all begin.
///   - savesForGradients: whether there will be a backward pass.
/// - Returns: outputs, without denominators, and what the backward pass needs if there is one.
public func deltaRule(
  queries: Tensor, keys: Tensor, values: Tensor, removals: Tensor, writes: Tensor,
  decay: RecurrentDecay<Tensor>, shape: RecurrentShape, layout: SequenceLayout,
  initial: RecurrentState<Tensor>? = nil, savesForGradients: Bool = true
) -> (output: RecurrentOutput<Tensor>, saved: DeltaRuleSaved?) {
  let operands = DeltaRuleOperands(
    queries: queries, keys: keys, values: values, removals: removals, writes: writes, decay: decay,
    initial: initial, shape: shape, layout: layout)
  let state = [shape.queryHeads, shape.keyDim, shape.valueDim]
  let offsets = savesForGradients ? operands.stateOffsets : [0]
  var results = [
    Tensor(uninitialized: [layout.rows, shape.outputWidth]),
    Tensor(uninitialized: Shape([layout.segments.count] + state)),
  ]
  if savesForGradients {
    results += [
      Tensor(uninitialized: [layout.rows, shape.outputWidth]),
      Tensor(uninitialized: Shape([offsets.last!] + state)),
    ]
  }
  withPointers(writing(&results)) { results in
    zeroPadding(layout, results[0], width: shape.outputWidth)
    if savesForGradients { zeroPadding(layout, results[2], width: shape.outputWidth) }
    operands.withHeads { head, place, segment in
      let kept = {
        results[3] + (offsets[segment] * shape.queryHeads + place.head) * shape.stateCount
      }
      head.forward(
        output: place.rows(results[0], dim: shape.valueDim),
        state: results[1] + place.slot * shape.stateCount,
        readings: savesForGradients ? place.rows(results[2], dim: shape.valueDim) : nil,
        states: savesForGradients ? kept() : nil)
    }
  }
  return (
    RecurrentOutput(
      numerator: results[0], denominator: nil, final: RecurrentState(sums: results[1])),
    savesForGradients ? DeltaRuleSaved(readings: results[2], states: results[3]) : nil
  )
}

/// The operands of all heads, checked.
struct DeltaRuleOperands {
  let queries, keys, values, removals, writes: Tensor
  let decay: RecurrentDecay<Tensor>
  let initial: RecurrentState<Tensor>?
  let shape: RecurrentShape
  let layout: SequenceLayout
  let removalHeads, writeHeads: Int

  init(
    queries: Tensor, keys: Tensor, values: Tensor, removals: Tensor, writes: Tensor,
    decay: RecurrentDecay<Tensor>, initial: RecurrentState<Tensor>?, shape: RecurrentShape,
    layout: SequenceLayout
  ) {
    (self.queries, self.keys, self.values) = (queries, keys, values)
    (self.removals, self.writes) = (removals, writes)
    (self.decay, self.initial) = (decay, initial)
    (self.shape, self.layout) = (shape, layout)
    shape.check(queries: queries, keys: keys, values: values, rows: layout.rows)
    removalHeads = shape.heads(ofKeyOperand: removals, rows: layout.rows)
    writeHeads = shape.heads(ofKeyOperand: writes, rows: layout.rows)
    decay.check(shape, rows: layout.rows)
    initial?.check(shape, segments: layout.segments.count, isNormalized: false)
  }

  private func firstPosition(_ segment: SequenceLayout.Segment) -> Int {
    initial == nil ? 0 : segment.firstPosition
  }

  /// Number of kept states before each segment, and of all.
  var stateOffsets: [Int] {
    let (length, kept) = (DeltaRuleHead.chunkLength, DeltaRuleHead.chunksPerState)
    return layout.segments.reduce(into: [0]) { offsets, segment in
      let chunks = chunkRanges(segment.count, of: length, firstPosition: firstPosition(segment))
      offsets.append(offsets.last! + (chunks.count + kept - 1) / kept)
    }
  }

  /// Runs `body` for every head of every segment, in parallel.
  func withHeads(_ body: (_ head: DeltaRuleHead, _ place: HeadPlace, _ segment: Int) -> Void) {
    var tensors = [queries, keys, values, removals, writes]
    let decayIndex = tensors.count
    if let operand = decay.operand { tensors.append(operand) }
    let initialIndex = tensors.count
    if let initial { tensors.append(initial.sums) }
    let (shape, heads) = (shape, shape.queryHeads)
    withPointers(tensors) { pointers in
      WorkerPool.shared.parallel(layout.segments.count * heads) { task in
        let segment = layout.segments[task / heads]
        let place = HeadPlace(
          slot: task, head: task % heads, heads: heads, firstRow: segment.start)
        let rows = { (index: Int, heads: Int, dim: Int) in
          HeadRows(
            pointers[index], heads: heads, dim: dim, queryHead: place.head, of: shape.queryHeads,
            firstRow: segment.start)
        }
        body(
          DeltaRuleHead(
            keyDim: shape.keyDim, valueDim: shape.valueDim, scale: shape.scale,
            count: segment.count, firstPosition: firstPosition(segment), heads: heads,
            queries: rows(0, heads, shape.keyDim), keys: rows(1, shape.keyHeads, shape.keyDim),
            values: rows(2, shape.valueHeads, shape.valueDim),
            removals: rows(3, removalHeads, shape.keyDim),
            writes: rows(4, writeHeads, shape.keyDim),
            decay: HeadDecay(
              decay, decay.operand == nil ? nil : pointers[decayIndex], shape: shape,
              head: place.head, firstRow: segment.start),
            initial: initial == nil ? nil : pointers[initialIndex] + task * shape.stateCount),
          place, task / heads)
      }
    }
  }
}
