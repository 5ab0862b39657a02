import TensorCore

/// Heads and head dimension of a delta rule with diagonal decay.
public struct DeltaRuleShape: Sendable, Equatable {
  public let heads: Int
  /// Of keys and values, `d`.
  public let headDim: Int
  /// Multiplies outputs.
  public let scale: Float

  public init(heads: Int, headDim: Int, scale: Float = 1) {
    precondition(heads > 0 && headDim > 0, "\(heads) heads of \(headDim)")
    self.heads = heads
    self.headDim = headDim
    self.scale = scale
  }

  /// Columns of every operand.
  public var width: Int { heads * headDim }

  /// Tokens of a chunk. Within one, products of decays are formed pair by pair; between chunks
  /// they are those of a state. Longer chunks cost more than they save: the matrix products with
  /// the state, most of the work, are the same for any length.
  static let chunkLength = 16
  /// Tokens between the states that the forward pass keeps for the backward pass, which computes
  /// those in between again.
  static let stateInterval = 64

  var stateCount: Int { headDim * headDim }

  func check(_ operands: [Tensor], rows: Int) {
    for operand in operands {
      precondition(
        operand.shape == [rows, width], "operand \(operand.shape) for \(rows) rows of \(self)")
    }
  }
}

/// What the backward pass needs of the forward, besides its operands.
public struct DeltaRuleSaved: Sendable {
  /// `z_t P_{t−1}`, what every token finds under its removal key, `[tokens, heads * headDim]`.
  public let readings: Tensor
  /// `P` before every 64th token of every segment, `[states, heads, headDim, headDim]`.
  public let states: Tensor
  /// `P` after the last token of every segment, `[segments, heads, headDim, headDim]`.
  public let finalStates: Tensor
}

/// The delta rule with diagonal decay, of rank one, that RWKV-7 (arXiv 2503.14456, section 3;
/// RAD-RWKV7 in RADLADS, arXiv 2505.03005) has in place of attention. Per head, with row vectors
/// and a state `P`, `[headDim of keys, headDim of values]`, that is 0 before every segment:
///
///     P_t = diag(w_t) P_{t−1} + β_tᵀ (z_t P_{t−1}) + k_tᵀ v_t
///     o_t = scale r_t P_t
///
/// The removal reads the state before its decay, the output the state after its update. RWKV-7 has
/// `z = −κ` and `β = κ ⊙ a`.
///
/// Computed in chunks with matrix products: within a chunk that starts from `P`, with `Λ_t` the
/// product of decays up to and with `t` and `Γ_t` of those after `t`,
///
///     E = (I − A_zβ)⁻¹ ((z ⊙ Λ_{t−1}) P + A_zk V)          A_zx[t, s] = Σ z_t x_s Λ_{t−1}/Λ_s, s < t
///     O = scale ((r ⊙ Λ) P + A_rβ E + A_rk V)              A_rx[t, s] = Σ r_t x_s Λ_t/Λ_s,     s ≤ t
///     P ← Λ_C ⊙ P + (β ⊙ Γ)ᵀ E + (k ⊙ Γ)ᵀ V
///
/// Every ratio of decays is the product of the decays between, and so at most 1: no decay, however
/// strong, overflows, and none loses precision. Time and memory are linear in the length.
///
/// - Parameters:
///   - receptances: `r`, `[tokens, heads * headDim]`, as are all operands.
///   - logDecays: `log w`, at most 0, −∞ allowed.
///   - removals: `z`.
///   - writes: `β`.
/// - Returns: `[tokens, heads * headDim]`, zero on padding, and what the backward pass needs.
public func deltaRule(
  receptances: Tensor, logDecays: Tensor, keys: Tensor, values: Tensor, removals: Tensor,
  writes: Tensor, shape: DeltaRuleShape, layout: SequenceLayout
) -> (output: Tensor, saved: DeltaRuleSaved) {
  let operands = DeltaRuleOperands(
    receptances: receptances, logDecays: logDecays, keys: keys, values: values, removals: removals,
    writes: writes)
  operands.check(shape, rows: layout.rows)
  let d = shape.headDim
  var output = Tensor(uninitialized: [layout.rows, shape.width])
  var readings = Tensor(uninitialized: [layout.rows, shape.width])
  let offsets = stateOffsets(layout)
  var states = Tensor(uninitialized: [offsets.last!, shape.heads, d, d])
  var finalStates = Tensor(uninitialized: [layout.segments.count, shape.heads, d, d])
  withMutablePointers(&output, &readings) { output, readings in
    zeroPadding(layout, output, width: shape.width)
    zeroPadding(layout, readings, width: shape.width)
    withMutablePointers(&states, &finalStates) { states, finalStates in
      operands.withHeads(shape, layout) { head, index, slot in
        let segment = layout.segments[index]
        let offset = segment.start * shape.width + slot * d
        head.forward(
          segment.count, output: output + offset, readings: readings + offset,
          states: states + (offsets[index] * shape.heads + slot) * shape.stateCount,
          state: finalStates + (index * shape.heads + slot) * shape.stateCount)
      }
    }
  }
  return (output, DeltaRuleSaved(readings: readings, states: states, finalStates: finalStates))
}

/// Number of kept states before each segment, and of all.
func stateOffsets(_ layout: SequenceLayout) -> [Int] {
  let interval = DeltaRuleShape.stateInterval
  return layout.segments.reduce(into: [0]) { offsets, segment in
    offsets.append(offsets.last! + (segment.count + interval - 1) / interval)
  }
}

struct DeltaRuleOperands {
  let receptances, logDecays, keys, values, removals, writes: Tensor

  func check(_ shape: DeltaRuleShape, rows: Int) {
    shape.check([receptances, logDecays, keys, values, removals, writes], rows: rows)
  }

  /// Runs `body` for every head of every segment, in parallel.
  func withHeads(
    _ shape: DeltaRuleShape, _ layout: SequenceLayout,
    _ body: (_ head: DeltaRuleHead, _ segment: Int, _ slot: Int) -> Void
  ) {
    withPointers(receptances, logDecays, keys) { receptances, logDecays, keys in
      withPointers(values, removals, writes) { values, removals, writes in
        WorkerPool.shared.parallel(layout.segments.count * shape.heads) { task in
          let (segment, slot) = (task / shape.heads, task % shape.heads)
          let offset = layout.segments[segment].start * shape.width + slot * shape.headDim
          body(
            DeltaRuleHead(
              shape: shape, receptances: receptances + offset, logDecays: logDecays + offset,
              keys: keys + offset, values: values + offset, removals: removals + offset,
              writes: writes + offset),
            segment, slot)
        }
      }
    }
  }
}

/// One head of one segment; row 0 is the segment's first, rows are `shape.width` apart.
struct DeltaRuleHead {
  let shape: DeltaRuleShape
  let receptances, logDecays, keys, values, removals, writes: UnsafePointer<Float>

  /// - Parameters:
  ///   - states: receives the state before every 64th token, `heads` states apart.
  ///   - state: receives the last state.
  func forward(
    _ count: Int, output: UnsafeMutablePointer<Float>, readings: UnsafeMutablePointer<Float>,
    states: UnsafeMutablePointer<Float>, state: UnsafeMutablePointer<Float>
  ) {
    state.update(repeating: 0, count: shape.stateCount)
    DeltaRuleChunk.withScratch(shape.headDim) { scratch in
      for start in stride(from: 0, to: count, by: DeltaRuleShape.chunkLength) {
        if start % DeltaRuleShape.stateInterval == 0 {
          let index = start / DeltaRuleShape.stateInterval
          (states + index * shape.heads * shape.stateCount).update(
            from: state, count: shape.stateCount)
        }
        let end = min(count, start + DeltaRuleShape.chunkLength)
        let chunk = DeltaRuleChunk(self, start..<end, scratch)
        let offset = start * shape.width
        chunk.forward(state: state, output: output + offset, readings: readings + offset)
      }
    }
  }
}
