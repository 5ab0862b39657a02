import CVectorKernels
import TensorCore

/// The factors and products of one chunk of one head, in scratch memory that chunks share.
///
/// Legend: `n` tokens, `f` and `d` the dimensions of keys and values; what belongs to removals `z`
/// and queries `q` stands in rows `[z; q]` of `2n`, what belongs to writes `β` and keys `k` in rows
/// `[β; k]`, so that one matrix product does for both. A row of decays has `f` elements where every
/// channel has its own, else one.
struct DeltaRuleChunk {
  let head: DeltaRuleHead
  let start, n: Int
  let isPerChannel, decaysAtAll: Bool
  /// `w`, a row a token.
  let decays: UnsafeMutablePointer<Float>
  /// `Λ_{t−1}`: row `t` of `n + 1` is the product of the decays before token `t`.
  let before: UnsafeMutablePointer<Float>
  /// `Γ_t`.
  let after: UnsafeMutablePointer<Float>
  /// `[z ⊙ Λ_{t−1}; q ⊙ Λ_t]`, `[2n, f]`.
  let reads: UnsafeMutablePointer<Float>
  /// `[β ⊙ Γ; k ⊙ Γ]`, `[2n, f]`.
  let writes: UnsafeMutablePointer<Float>
  /// `[E; V]`, `[2n, d]`.
  let values: UnsafeMutablePointer<Float>
  /// `[A_zβ A_zk; A_qβ A_qk]`, `[2n, 2n]`, zero where `s` is not before `t`.
  let products: UnsafeMutablePointer<Float>
  /// `[2n, max(f, d)]`, for what comes and goes.
  let rows: UnsafeMutablePointer<Float>
  /// Where channels decay alike: `[z; q]` and `[β; k]`, `[2n, f]`, and `Λ_t/Λ_s`, `[n, n]`. Where
  /// nothing decays, the former are `reads` and `writes`.
  let plainReads, plainWrites, mask: UnsafeMutablePointer<Float>

  var f: Int { head.keyDim }
  var d: Int { head.valueDim }
  var factors: Int { isPerChannel ? head.keyDim : 1 }

  static func withScratch(
    _ head: DeltaRuleHead, _ body: (UnsafeMutablePointer<Float>) -> Void
  ) {
    let (n, f, d) = (DeltaRuleHead.chunkLength, head.keyDim, head.valueDim)
    var scratch = Tensor(
      uninitialized: [(3 * n + 1 + 8 * n) * f + 2 * n * (d + max(f, d)) + 5 * n * n])
    scratch.withMutablePointer(body)
  }

  init(_ head: DeltaRuleHead, _ tokens: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) {
    self.head = head
    (start, n) = (tokens.lowerBound, tokens.count)
    isPerChannel = head.decay.isPerChannel
    if case .none = head.decay { decaysAtAll = false } else { decaysAtAll = true }
    let (length, f, d) = (DeltaRuleHead.chunkLength, head.keyDim, head.valueDim)
    decays = scratch
    after = decays + length * f
    before = after + length * f
    plainReads = before + (length + 1) * f
    plainWrites = plainReads + 2 * length * f
    let decayed = plainWrites + 2 * length * f
    reads = decaysAtAll ? decayed : plainReads
    writes = decaysAtAll ? decayed + 2 * length * f : plainWrites
    values = decayed + 4 * length * f
    rows = values + 2 * length * d
    products = rows + 2 * length * max(f, d)
    mask = products + 4 * length * length
    prepare()
  }

  /// `y = x ⊙ factors`, of which there are `f` or one, or none where nothing decays.
  func scale(
    _ x: UnsafePointer<Float>, by factors: UnsafePointer<Float>,
    into y: UnsafeMutablePointer<Float>
  ) {
    if isPerChannel {
      vk_multiply(x, factors, y, f)
    } else if decaysAtAll {
      vk_scale(x, y, factors[0], f)
    } else {
      y.update(from: x, count: f)
    }
  }

  private func prepare() {
    let (n, f, d, width) = (n, f, d, factors)
    if !isPerChannel {
      copyOperands()
      head.decay.decays(start..<start + n, into: decays, keyDim: f)
      if !decaysAtAll { return }
    }
    before.update(repeating: 1, count: width)
    for t in 0..<n {
      let row = start + t
      // In this loop and not in one of its own: every row of an operand is a cache miss, and those
      // of several operands overlap.
      if case .channel(let logDecays) = head.decay { vk_exp(logDecays[row], decays + t * f, f) }
      vk_multiply(before + t * width, decays + t * width, before + (t + 1) * width, width)
      scale(head.removals[row], by: before + t * width, into: reads + t * f)
      scale(head.queries[row], by: before + (t + 1) * width, into: reads + (n + t) * f)
      if isPerChannel { (values + (n + t) * d).update(from: head.values[row], count: d) }
    }
    (after + (n - 1) * width).update(repeating: 1, count: width)
    for t in (0..<n).reversed() {
      let row = start + t
      if t + 1 < n {
        vk_multiply(
          after + (t + 1) * width, decays + (t + 1) * width, after + t * width, width)
      }
      scale(head.writes[row], by: after + t * width, into: writes + t * f)
      scale(head.keys[row], by: after + t * width, into: writes + (n + t) * f)
    }
  }

  private func copyOperands() {
    for t in 0..<n {
      let row = start + t
      (plainReads + t * f).update(from: head.removals[row], count: f)
      (plainReads + (n + t) * f).update(from: head.queries[row], count: f)
      (plainWrites + t * f).update(from: head.writes[row], count: f)
      (plainWrites + (n + t) * f).update(from: head.keys[row], count: f)
      (values + (n + t) * d).update(from: head.values[row], count: d)
    }
  }

  /// `[A_zβ A_zk; A_qβ A_qk]`. The ratio of decays from `s` to `t` grows by one factor a step.
  func multiplyPairs() {
    let (n, f) = (n, f)
    if isPerChannel {
      products.update(repeating: 0, count: 4 * n * n)
      let (queries, removals) = (head.queries.dropFirst(start), head.removals.dropFirst(start))
      let (writes, keys) = (head.writes.dropFirst(start), head.keys.dropFirst(start))
      vk_delta_rule_products(
        queries.start, queries.stride, removals.start, removals.stride, writes.start,
        writes.stride, keys.start, keys.stride, decays, products, rows, n, f)
      return
    }
    if decaysAtAll {
      for t in 0..<n {
        let line = mask + t * n
        if t > 0 { vk_scale(line - n, line, decays[t], t) }
        line[t] = 1
      }
    }
    BLAS.multiply(
      m: 2 * n, n: 2 * n, k: f, Matrix(plainReads, stride: f),
      Matrix(plainWrites, stride: f).transposed, into: products, stride: 2 * n)
    maskPairs(products)
  }

  /// Blocks of `[2n, 2n]` times the ratios of decays between removal or query and write or key, and
  /// 0 where the latter is not before the former.
  func maskPairs(_ blocks: UnsafeMutablePointer<Float>) {
    for t in 0..<n {
      for column in [0, n] {
        let removal = blocks + t * 2 * n + column
        let query = blocks + (n + t) * 2 * n + column
        if decaysAtAll, t > 0 {
          vk_multiply(removal, mask + (t - 1) * n, removal, t)
          vk_multiply(query, mask + t * n, query, t)
        }
        clear(removal, t..<n)
        clear(query, t + 1..<n)
      }
    }
  }

  /// Outputs and readings of the chunk, and the state after it.
  func forward(
    state: UnsafeMutablePointer<Float>, output: MutableHeadRows, readings: MutableHeadRows?
  ) {
    let (n, f, d) = (n, f, d)
    multiplyPairs()
    BLAS.multiply(
      m: 2 * n, n: d, k: f, Matrix(reads, stride: f), Matrix(state, stride: d), into: rows,
      stride: d)
    BLAS.multiply(
      m: n, n: d, k: n, Matrix(products + n, stride: 2 * n), Matrix(values + n * d, stride: d),
      beta: 1, into: rows, stride: d)
    for t in 0..<n {
      for s in 0..<t { vk_add_scaled(rows + t * d, rows + s * d, products[t * 2 * n + s], d) }
    }
    values.update(from: rows, count: n * d)
    let outputs = rows + n * d
    BLAS.multiply(
      m: n, n: d, k: 2 * n, Matrix(products + n * 2 * n, stride: 2 * n), Matrix(values, stride: d),
      beta: 1, into: outputs, stride: d)
    for t in 0..<n {
      vk_scale(outputs + t * d, output[start + t], head.scale, d)
      readings?[start + t].update(from: values + t * d, count: d)
    }
    advance(state, into: state)
  }

  /// `Λ_C ⊙ P + [β ⊙ Γ; k ⊙ Γ]ᵀ [E; V]`.
  func advance(_ state: UnsafePointer<Float>, into next: UnsafeMutablePointer<Float>) {
    let (n, f, d) = (n, f, d)
    decay(state, into: next)
    BLAS.multiply(
      m: f, n: d, k: 2 * n, Matrix(writes, stride: f).transposed, Matrix(values, stride: d),
      beta: 1, into: next, stride: d)
  }

  /// Rows of a state times the chunk's whole decay.
  func decay(_ state: UnsafePointer<Float>, into next: UnsafeMutablePointer<Float>) {
    if isPerChannel {
      let factor = before + n * f
      for index in 0..<f { vk_scale(state + index * d, next + index * d, factor[index], d) }
    } else if decaysAtAll {
      vk_scale(state, next, before[n], f * d)
    } else if state != UnsafePointer(next) {
      next.update(from: state, count: f * d)
    }
  }

  /// Takes `E` as the forward pass kept it.
  func restore(_ readings: HeadRows) {
    for t in 0..<n { (values + t * d).update(from: readings[start + t], count: d) }
  }
}
