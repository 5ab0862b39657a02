import CVectorKernels
import TensorCore

/// Gradients of `gatedLinearAttention`, each `[tokens, heads * headDim]`, zero on padding.
public struct GatedLinearAttentionGradients: Sendable {
  public var queries: Tensor
  public var keys: Tensor
  public var values: Tensor
  public var logDecays: Tensor
}

/// Gradients of `gatedLinearAttention`, chunk by chunk from the last, with the gradient `R` of the
/// state carried backwards. The states before the chunks are computed again, and kept while a head
/// of a segment is worked on: `headDim / 16` floats for one of an operand.
///
/// The gradient of `g_t` is often written as a sum over `i ≥ t` of `q_i dq_i − k_i dk_i` (GLA,
/// appendix C). Products of tokens that both follow `t` cancel in it, and the product of a token
/// with itself, which no decay makes small: with decays of −5 what remains is a hundredth of what
/// cancels, with −20 nothing. So only what crosses `t` is summed here.
public func gatedLinearAttentionGradients(
  _ gradient: Tensor, queries: Tensor, keys: Tensor, values: Tensor, logDecays: Tensor,
  shape: GatedLinearAttentionShape, layout: SequenceLayout
) -> GatedLinearAttentionGradients {
  shape.check(gradient, queries, keys, values, logDecays, rows: layout.rows)
  var queryGradient = Tensor(uninitialized: queries.shape)
  var keyGradient = Tensor(uninitialized: queries.shape)
  var valueGradient = Tensor(uninitialized: queries.shape)
  var decayGradient = Tensor(uninitialized: queries.shape)
  let operands = GatedOperands(
    queries: queries, keys: keys, values: values, logDecays: logDecays)
  withMutablePointers(&queryGradient, &keyGradient, &valueGradient) { dQ, dK, dV in
    decayGradient.withMutablePointer { dG in
      for tensor in [dQ, dK, dV, dG] { zeroPadding(layout, tensor, width: shape.width) }
      gradient.withPointer { dO in
        operands.withHeads(shape: shape, layout: layout) { head, offset in
          GatedBackward(
            head: head, dO: dO + offset, dQ: dQ + offset, dK: dK + offset, dV: dV + offset,
            dG: dG + offset
          ).run()
        }
      }
    }
  }
  return GatedLinearAttentionGradients(
    queries: queryGradient, keys: keyGradient, values: valueGradient, logDecays: decayGradient)
}

/// The backward pass of one head of one segment; all pointers are to its first row, rows
/// `head.stride` apart.
private struct GatedBackward {
  let head: GatedHead
  let dO: UnsafePointer<Float>
  let dQ, dK, dV, dG: UnsafeMutablePointer<Float>

  private var d: Int { head.d }

  func run() {
    let d = d
    let ranges = head.chunks()
    let common = GatedChunk.elements(d, keepsPairs: true)
    let size = GatedChunk.length * d
    var scratch = Tensor(
      uninitialized: [
        common + 3 * size + GatedChunk.length * GatedChunk.length + d + (1 + ranges.count) * d * d
      ])
    scratch.withMutablePointer { scratch in
      let chunk = GatedChunk(scratch, d: d, keepsPairs: true)
      let own = GatedBackwardScratch(scratch + common, d: d)
      let states = own.states
      states.update(repeating: 0, count: d * d)
      for (index, rows) in ranges.dropLast().enumerated() {
        let next = states + (index + 1) * d * d
        next.update(from: states + index * d * d, count: d * d)
        chunk.prepareDecays(head, rows)
        chunk.prepareKeys(head, rows)
        chunk.advance(head, rows, state: next)
      }
      own.later.update(repeating: 0, count: d * d)
      for (index, rows) in ranges.enumerated().reversed() {
        chunk.prepareDecays(head, rows)
        chunk.prepareQueries(head, rows)
        chunk.prepareKeys(head, rows)
        chunk.prepareProducts(head, rows)
        valueGradients(chunk, rows, own)
        stateGradients(chunk, rows, own, state: states + index * d * d)
        pairGradients(chunk, rows, own)
        // R ← diag(Λ_last) R + scale (q ⊙ Λ)ᵀ dO
        chunk.decay(own.later, rows)
        BLAS.multiply(
          m: d, n: d, k: rows.count, alpha: head.shape.scale,
          Matrix(chunk.decayedQueries, stride: d).transposed,
          Matrix(dO + rows.lowerBound * head.stride, stride: head.stride), beta: 1,
          into: own.later, stride: d)
      }
    }
  }

  /// `dV = scale Pᵀ dO + (k ⊙ Ω) R`.
  private func valueGradients(_ chunk: GatedChunk, _ rows: Range<Int>, _ own: GatedBackwardScratch)
  {
    let first = rows.lowerBound * head.stride
    BLAS.multiply(
      m: rows.count, n: d, k: rows.count, alpha: head.shape.scale,
      Matrix(chunk.products, stride: GatedChunk.length).transposed,
      Matrix(dO + first, stride: head.stride), into: dV + first, stride: head.stride)
    BLAS.multiply(
      m: rows.count, n: d, k: d, Matrix(chunk.decayedKeys, stride: d),
      Matrix(own.later, stride: d), beta: 1, into: dV + first, stride: head.stride)
  }

  /// What passes through the state: `dq_i = Λ_i ⊙ scale (dO Sᵀ)_i`, `dk_j = Ω_j ⊙ (V Rᵀ)_j`,
  /// `dg_t = Σ_{i≥t} q_i dq_i + Σ_{j<t} k_j dk_j + Λ_last ⊙ rowsum(R ⊙ S)`. These are the first
  /// to write the gradients.
  private func stateGradients(
    _ chunk: GatedChunk, _ rows: Range<Int>, _ own: GatedBackwardScratch,
    state: UnsafePointer<Float>
  ) {
    let (d, stride) = (d, head.stride)
    let first = rows.lowerBound * stride
    let last = rows.count - 1
    BLAS.multiply(
      m: rows.count, n: d, k: d, alpha: head.shape.scale, Matrix(dO + first, stride: stride),
      Matrix(state, stride: d).transposed, into: own.fromState, stride: d)
    BLAS.multiply(
      m: rows.count, n: d, k: d, Matrix(head.values + first, stride: stride),
      Matrix(own.later, stride: d).transposed, into: own.toState, stride: d)
    for channel in 0..<d {
      own.running[channel] =
        chunk.fromStart[last * d + channel]
        * vk_dot(own.later + channel * d, state + channel * d, d)
    }
    for (index, row) in rows.enumerated() {
      let (offset, local) = (row * stride, index * d)
      vk_multiply(own.fromState + local, chunk.fromStart + local, dQ + offset, d)
      vk_multiply(own.toState + local, chunk.toEnd + local, dK + offset, d)
      (dG + offset).update(from: own.running, count: d)
      vk_multiply_add(head.keys + offset, dK + offset, own.running, d)
    }
    own.running.update(repeating: 0, count: d)
    for row in rows.reversed() {
      let offset = row * stride
      vk_multiply_add(head.queries + offset, dQ + offset, own.running, d)
      vk_add_scaled(dG + offset, own.running, 1, d)
    }
  }

  /// What stays in the chunk: with `A = scale dO Vᵀ` and, for `j ≤ i`, `D_ij` the gradient of
  /// `Λ_ij ⊙ k_j` through the queries from `i` on, `D_ij = A_ij q_i + w_{i+1} ⊙ D_{i+1,j}`,
  /// `dq_i += Σ_j A_ij Λ_ij ⊙ k_j`, `dk_j += D_jj`, `dg_i += Σ_{j<i} D_ij ⊙ Λ_ij ⊙ k_j`.
  private func pairGradients(_ chunk: GatedChunk, _ rows: Range<Int>, _ own: GatedBackwardScratch) {
    let (d, stride) = (d, head.stride)
    let first = rows.lowerBound * stride
    BLAS.multiply(
      m: rows.count, n: rows.count, k: d, alpha: head.shape.scale,
      Matrix(dO + first, stride: stride), Matrix(head.values + first, stride: stride).transposed,
      into: own.weights, stride: GatedChunk.length)
    let pairGradients = own.fromState
    pairGradients.update(repeating: 0, count: rows.count * d)
    for (i, row) in rows.enumerated().reversed() {
      let offset = row * stride
      let pairs = chunk.pairs(of: i)
      let weights = own.weights + i * GatedChunk.length
      vk_gated_pair_gradients(
        head.queries + offset, chunk.decays + i * d, weights, pairs, pairGradients, dQ + offset,
        dG + offset, i, d)
      // A token's product with itself does not decay.
      vk_add_scaled(pairGradients + i * d, head.queries + offset, weights[i], d)
      vk_add_scaled(dQ + offset, pairs + i * d, weights[i], d)
      vk_add_scaled(dK + offset, pairGradients + i * d, 1, d)
    }
  }
}

/// Scratch memory of `GatedBackward` beside that of its chunk.
private struct GatedBackwardScratch {
  /// `[length, d]`, `dO Sᵀ` and `V Rᵀ`, and `[length, length]`, `dO Vᵀ`.
  let fromState, toState, weights: UnsafeMutablePointer<Float>
  /// `[d]`.
  let running: UnsafeMutablePointer<Float>
  /// `R`, `[d, d]`.
  let later: UnsafeMutablePointer<Float>
  /// Before every chunk, `[chunks, d, d]`.
  let states: UnsafeMutablePointer<Float>

  init(_ scratch: UnsafeMutablePointer<Float>, d: Int) {
    let size = GatedChunk.length * d
    fromState = scratch
    toState = scratch + size
    weights = scratch + 2 * size
    running = weights + GatedChunk.length * GatedChunk.length
    later = running + d
    states = later + d * d
  }
}
