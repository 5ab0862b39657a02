import CVectorKernels
import TensorCore

/// What the forward and the backward pass of up to 16 tokens of one head share, in scratch memory
/// of theirs. Legend: `w_i = e^{g_i}`, `Λ_ij = w_{j+1} … w_i`, `Λ_i = w_first … w_i`,
/// `Ω_j = w_{j+1} … w_last`.
struct GatedChunk {
  static let length = 16

  let d: Int
  /// Whether `pairs` has a row for every `j ≤ i`, or only those of the last `i`.
  let keepsPairs: Bool
  /// `w_i`, `Λ_i`, `Ω_j`, `q_i ⊙ Λ_i` and `k_j ⊙ Ω_j`, `[length, d]` each.
  let decays, fromStart, toEnd, decayedQueries, decayedKeys: UnsafeMutablePointer<Float>
  /// `q_i·(Λ_ij ⊙ k_j)` for `j ≤ i`, else 0, `[length, length]`.
  let products: UnsafeMutablePointer<Float>
  /// `Λ_ij ⊙ k_j` for `j ≤ i`, `[…, d]`.
  private let pairs: UnsafeMutablePointer<Float>

  static func elements(_ d: Int, keepsPairs: Bool) -> Int {
    5 * length * d + length * length + (keepsPairs ? length * (length + 1) / 2 : length) * d
  }

  init(_ scratch: UnsafeMutablePointer<Float>, d: Int, keepsPairs: Bool) {
    self.d = d
    self.keepsPairs = keepsPairs
    let size = Self.length * d
    decays = scratch
    fromStart = scratch + size
    toEnd = scratch + 2 * size
    decayedQueries = scratch + 3 * size
    decayedKeys = scratch + 4 * size
    products = scratch + 5 * size
    pairs = products + Self.length * Self.length
  }

  /// `Λ_ij ⊙ k_j` for `j` from 0 to `i`.
  func pairs(of i: Int) -> UnsafeMutablePointer<Float> {
    keepsPairs ? pairs + i * (i + 1) / 2 * d : pairs
  }

  /// `w`, `Λ_i` and `Ω_j`.
  func prepareDecays(_ head: GatedHead, _ rows: Range<Int>) {
    let count = rows.count
    for i in 0..<count {
      vk_exp(head.logDecays + (rows.lowerBound + i) * head.stride, decays + i * d, d)
    }
    fromStart.update(from: decays, count: d)
    for i in 1..<max(1, count) {
      vk_multiply(fromStart + (i - 1) * d, decays + i * d, fromStart + i * d, d)
    }
    (toEnd + (count - 1) * d).update(repeating: 1, count: d)
    for j in (0..<count - 1).reversed() {
      vk_multiply(toEnd + (j + 1) * d, decays + (j + 1) * d, toEnd + j * d, d)
    }
  }

  func prepareQueries(_ head: GatedHead, _ rows: Range<Int>) {
    for (i, row) in rows.enumerated() {
      vk_multiply(head.queries + row * head.stride, fromStart + i * d, decayedQueries + i * d, d)
    }
  }

  func prepareKeys(_ head: GatedHead, _ rows: Range<Int>) {
    for (j, row) in rows.enumerated() {
      vk_multiply(head.keys + row * head.stride, toEnd + j * d, decayedKeys + j * d, d)
    }
  }

  /// `Λ_ij ⊙ k_j` and their products with the queries.
  func prepareProducts(_ head: GatedHead, _ rows: Range<Int>) {
    for (i, row) in rows.enumerated() {
      let query = head.queries + row * head.stride
      let line = products + i * Self.length
      let current = pairs(of: i)
      vk_gated_pairs(query, decays + i * d, pairs(of: max(0, i - 1)), current, line, i, d)
      (current + i * d).update(from: head.keys + row * head.stride, count: d)
      line[i] = vk_dot(query, current + i * d, d)
      clear(line, i + 1..<Self.length)
    }
  }

  /// `S ← diag(Λ_last) S + (k ⊙ Ω)ᵀ v`.
  func advance(_ head: GatedHead, _ rows: Range<Int>, state: UnsafeMutablePointer<Float>) {
    decay(state, rows)
    BLAS.multiply(
      m: d, n: d, k: rows.count, Matrix(decayedKeys, stride: d).transposed,
      Matrix(head.values + rows.lowerBound * head.stride, stride: head.stride), beta: 1,
      into: state, stride: d)
  }

  /// Row `c` of `state` times that of `Λ_last`.
  func decay(_ state: UnsafeMutablePointer<Float>, _ rows: Range<Int>) {
    let factors = fromStart + (rows.count - 1) * d
    for channel in 0..<d {
      vk_scale(state + channel * d, state + channel * d, factors[channel], d)
    }
  }
}
