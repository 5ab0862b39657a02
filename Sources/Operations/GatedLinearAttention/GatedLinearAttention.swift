import TensorCore

/// Causal linear attention whose state may forget: gated linear attention (arXiv 2312.06635,
/// section 4), of which linear attention (arXiv 2006.16236), retention's fixed decay (arXiv
/// 2307.08621) and the kernel of RWKV-6 (arXiv 2404.05892) without its bonus are cases. Per head,
/// with a state `S` and, where outputs are normalised, `z`,
///
///     S_t = diag(e^{g_t}) S_{t−1} + k_tᵀ v_t        z_t = e^{g_t} ⊙ z_{t−1} + k_t
///     N_t = scale q_t S_t                           D_t = scale q_t·z_t
///
/// Bidirectional attention, which has no decay, sees the last state in every row.
///
/// Computed in chunks: with `Λ_ij = e^{g_{j+1}} … e^{g_i}`, a product over the tokens between, and
/// `S` the state before the chunk,
///
///     N_i = scale (Σ_{j≤i} (q_i·(Λ_ij ⊙ k_j)) v_j + (q_i ⊙ Λ_i0) S)
///
/// With a decay of every channel's own the products are formed pair by pair, 16 tokens at a time;
/// else `Λ_ij` is a number, and they are a matrix product, 32 tokens at a time. No factor is above
/// 1, so that nothing overflows however fast the decay. Products and not exponents of differences
/// of sums: a sum of 16 decays of −5 is rounded by 4e-6, which would be the relative error of its
/// exponential. One token that continues a sequence is computed by the recurrence.
///
/// - Parameters:
///   - queries: `[tokens, queryHeads * keyDim]`, features where there is a feature map.
///   - keys: `[tokens, keyHeads * keyDim]`.
///   - values: `[tokens, valueHeads * valueDim]`.
///   - layout: where a segment continues a sequence from `initial`, its `firstPosition` says at
///     which position.
///   - initial: the state before every segment; nil where all begin.
///   - isNormalized: whether there are denominators, and a normaliser in the states.
///   - isCausal: false for bidirectional attention, without decay.
public func gatedLinearAttention(
  queries: Tensor, keys: Tensor, values: Tensor, decay: RecurrentDecay<Tensor>,
  shape: RecurrentShape, layout: SequenceLayout, initial: RecurrentState<Tensor>? = nil,
  isNormalized: Bool = false, isCausal: Bool = true
) -> RecurrentOutput<Tensor> {
  let operands = GatedOperands(
    queries: queries, keys: keys, values: values, decay: decay, initial: initial,
    isNormalized: isNormalized, isCausal: isCausal, shape: shape, layout: layout)
  let (segments, heads) = (layout.segments.count, shape.queryHeads)
  var results = [
    Tensor(uninitialized: [layout.rows, shape.outputWidth]),
    Tensor(uninitialized: [segments, heads, shape.keyDim, shape.valueDim]),
  ]
  if isNormalized {
    results += [
      Tensor(uninitialized: [layout.rows, heads]),
      Tensor(uninitialized: [segments, heads, shape.keyDim]),
    ]
  }
  withPointers(writing(&results)) { results in
    zeroPadding(layout, results[0], width: shape.outputWidth)
    if isNormalized { zeroPadding(layout, results[2], width: shape.queryHeads) }
    operands.withHeads { head, place in
      let state = GatedState(
        sums: results[1] + place.slot * shape.stateCount,
        normalizer: isNormalized ? results[3] + place.slot * shape.keyDim : nil)
      head.forward(
        state: state, numerator: place.rows(results[0], dim: shape.valueDim),
        denominator: isNormalized ? place.rows(results[2], dim: 1) : nil)
    }
  }
  return RecurrentOutput(
    numerator: results[0], denominator: isNormalized ? results[2] : nil,
    final: RecurrentState(sums: results[1], normalizer: isNormalized ? results[3] : nil))
}

/// The operands of all heads, checked.
struct GatedOperands {
  let queries, keys, values: Tensor
  let decay: RecurrentDecay<Tensor>
  let initial: RecurrentState<Tensor>?
  let isNormalized, isCausal: Bool
  let shape: RecurrentShape
  let layout: SequenceLayout

  init(
    queries: Tensor, keys: Tensor, values: Tensor, decay: RecurrentDecay<Tensor>,
    initial: RecurrentState<Tensor>?, isNormalized: Bool, isCausal: Bool, shape: RecurrentShape,
    layout: SequenceLayout
  ) {
    (self.queries, self.keys, self.values) = (queries, keys, values)
    (self.decay, self.initial) = (decay, initial)
    (self.isNormalized, self.isCausal) = (isNormalized, isCausal)
    (self.shape, self.layout) = (shape, layout)
    shape.check(queries: queries, keys: keys, values: values, rows: layout.rows)
    decay.check(shape, rows: layout.rows)
    initial?.check(shape, segments: layout.segments.count, isNormalized: isNormalized)
    if case .none = decay { return }
    precondition(isCausal, "attention that sees later tokens cannot forget earlier ones")
  }

  /// Runs `body` for every head of every segment, in parallel.
  func withHeads(_ body: (_ head: GatedHead, _ place: HeadPlace) -> Void) {
    var tensors = [queries, keys, values]
    let decayIndex = tensors.count
    if let operand = decay.operand { tensors.append(operand) }
    let initialIndex = tensors.count
    if let initial { tensors += [initial.sums] + (initial.normalizer.map { [$0] } ?? []) }
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
        var before: (sums: UnsafePointer<Float>, normalizer: UnsafePointer<Float>?)?
        if initial != nil {
          before = (
            pointers[initialIndex] + task * shape.stateCount,
            isNormalized ? pointers[initialIndex + 1] + task * shape.keyDim : nil
          )
        }
        body(
          GatedHead(
            keyDim: shape.keyDim, valueDim: shape.valueDim, scale: shape.scale,
            count: segment.count, firstPosition: initial == nil ? 0 : segment.firstPosition,
            queries: rows(0, heads, shape.keyDim), keys: rows(1, shape.keyHeads, shape.keyDim),
            values: rows(2, shape.valueHeads, shape.valueDim),
            decay: HeadDecay(
              decay, decay.operand == nil ? nil : pointers[decayIndex], shape: shape,
              head: place.head, firstRow: segment.start),
            isCausal: isCausal, initialSums: before?.sums, initialNormalizer: before?.normalizer),
          place)
      }
    }
  }
}
