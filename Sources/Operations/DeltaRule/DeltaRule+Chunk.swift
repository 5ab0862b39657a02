import CVectorKernels
import TensorCore

/// The factors and products of one chunk of one head, in scratch memory that chunks share.
///
/// Legend: `n` tokens, `d` the head's dimension; what belongs to removals `z` and receptances `r`
/// stands in rows `[z; r]` of `2n`, what belongs to writes `β` and keys `k` in rows `[β; k]`, so
/// that one matrix product does for both.
struct DeltaRuleChunk {
  let head: DeltaRuleHead
  let start, n: Int
  /// `w`, `[n, d]`.
  let decays: UnsafeMutablePointer<Float>
  /// `Λ_{t−1}`, `[n + 1, d]`: row `t` is the product of the decays before token `t`.
  let before: UnsafeMutablePointer<Float>
  /// `Γ_t`, `[n, d]`.
  let after: UnsafeMutablePointer<Float>
  /// `[z ⊙ Λ_{t−1}; r ⊙ Λ_t]`, `[2n, d]`.
  let reads: UnsafeMutablePointer<Float>
  /// `[β ⊙ Γ; k ⊙ Γ]`, `[2n, d]`.
  let writes: UnsafeMutablePointer<Float>
  /// `[E; V]`, `[2n, d]`.
  let values: UnsafeMutablePointer<Float>
  /// `[A_zβ A_zk; A_rβ A_rk]`, `[2n, 2n]`, zero where `s` is not before `t`.
  let products: UnsafeMutablePointer<Float>
  /// `[2n, d]`, for what comes and goes.
  let rows: UnsafeMutablePointer<Float>

  var d: Int { head.shape.headDim }
  var stride: Int { head.shape.width }

  static func withScratch(_ d: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    let length = DeltaRuleShape.chunkLength
    var scratch = Tensor(uninitialized: [(11 * length + 1) * d + 4 * length * length])
    scratch.withMutablePointer(body)
  }

  init(_ head: DeltaRuleHead, _ tokens: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) {
    self.head = head
    (start, n) = (tokens.lowerBound, tokens.count)
    let block = DeltaRuleShape.chunkLength * head.shape.headDim
    decays = scratch
    after = scratch + block
    reads = scratch + 2 * block
    writes = scratch + 4 * block
    values = scratch + 6 * block
    rows = scratch + 8 * block
    before = scratch + 10 * block
    products = before + block + head.shape.headDim
    prepare()
  }

  /// Rows of the head from the chunk's first.
  func row(_ operand: UnsafePointer<Float>, _ token: Int) -> UnsafePointer<Float> {
    operand + (start + token) * stride
  }

  private func prepare() {
    let (n, d) = (n, d)
    before.update(repeating: 1, count: d)
    for t in 0..<n {
      vk_exp(row(head.logDecays, t), decays + t * d, d)
      vk_multiply(before + t * d, decays + t * d, before + (t + 1) * d, d)
      vk_multiply(row(head.removals, t), before + t * d, reads + t * d, d)
      vk_multiply(row(head.receptances, t), before + (t + 1) * d, reads + (n + t) * d, d)
      (values + (n + t) * d).update(from: row(head.values, t), count: d)
    }
    (after + (n - 1) * d).update(repeating: 1, count: d)
    for t in (0..<n).reversed() {
      if t + 1 < n { vk_multiply(after + (t + 1) * d, decays + (t + 1) * d, after + t * d, d) }
      vk_multiply(row(head.writes, t), after + t * d, writes + t * d, d)
      vk_multiply(row(head.keys, t), after + t * d, writes + (n + t) * d, d)
    }
  }

  /// `[A_zβ A_zk; A_rβ A_rk]`. The ratio of decays from `s` to `t` grows by one factor a step.
  func multiplyPairs() {
    let (n, d) = (n, d)
    products.update(repeating: 0, count: 4 * n * n)
    vk_delta_rule_products(
      row(head.receptances, 0), row(head.removals, 0), row(head.writes, 0), row(head.keys, 0),
      stride, decays, products, rows, n, d)
  }

  /// Outputs and readings of the chunk, rows `stride` apart, and the state after it.
  func forward(
    state: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>,
    readings: UnsafeMutablePointer<Float>?
  ) {
    let (n, d) = (n, d)
    multiplyPairs()
    BLAS.multiply(
      m: 2 * n, n: d, k: d, Matrix(reads, stride: d), Matrix(state, stride: d), into: rows,
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
      vk_scale(outputs + t * d, output + t * stride, head.shape.scale, d)
      if let readings { (readings + t * stride).update(from: values + t * d, count: d) }
    }
    advance(state, into: state)
  }

  /// `Λ_C ⊙ P + [β ⊙ Γ; k ⊙ Γ]ᵀ [E; V]`.
  func advance(_ state: UnsafePointer<Float>, into next: UnsafeMutablePointer<Float>) {
    let (n, d) = (n, d)
    decay(state, into: next)
    BLAS.multiply(
      m: d, n: d, k: 2 * n, Matrix(writes, stride: d).transposed, Matrix(values, stride: d),
      beta: 1, into: next, stride: d)
  }

  /// Rows of a state times the chunk's whole decay.
  func decay(_ state: UnsafePointer<Float>, into next: UnsafeMutablePointer<Float>) {
    for index in 0..<d { vk_scale(state + index * d, next + index * d, before[n * d + index], d) }
  }

  /// Takes `E` as the forward pass kept it.
  func restore(_ readings: UnsafePointer<Float>) {
    for t in 0..<n { (values + t * d).update(from: row(readings, t), count: d) }
  }
}
