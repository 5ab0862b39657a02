import CVectorKernels

/// Tokens whose channels all decay alike, or not at all: their products are a matrix product times
/// a mask of decays.
struct ScalarDecayChunk: GatedChunk {
  /// Of 16, 32 and 64 the fastest: without decay, 64 took 1.27 times as long for 64 features and
  /// values, and 1.2 times for 128 features.
  static let length = 32

  let head: GatedHead
  let rows: Range<Int>
  /// `w_i`, `Λ_i` and `Ω_j`, `[length]` each; not prepared where nothing decays.
  private let decays, fromStart, toEnd: UnsafeMutablePointer<Float>
  /// `Λ_ij` for `j ≤ i`, `[length, length]`; nor these.
  private let mask: UnsafeMutablePointer<Float>
  /// `q_i Λ_i` and `k_j Ω_j`, `[length, keyDim]`; nor these.
  private let queries, keys: UnsafeMutablePointer<Float>
  let products: UnsafeMutablePointer<Float>
  /// For gradients, `[length, length]`.
  private let weights: UnsafeMutablePointer<Float>

  static func elements(_ head: GatedHead, forGradients: Bool) -> Int {
    length * (3 + 2 * head.keyDim + (forGradients ? 3 : 2) * length)
  }

  init(
    _ head: GatedHead, _ rows: Range<Int>, _ scratch: UnsafeMutablePointer<Float>,
    forGradients: Bool
  ) {
    self.head = head
    self.rows = rows
    let square = Self.length * Self.length
    decays = scratch
    fromStart = scratch + Self.length
    toEnd = scratch + 2 * Self.length
    queries = scratch + 3 * Self.length
    keys = queries + Self.length * head.keyDim
    products = keys + Self.length * head.keyDim
    mask = products + square
    weights = mask + square
  }

  private var decaysAtAll: Bool {
    if case .none = head.decay { false } else { true }
  }

  var decayedQueries: HeadRows {
    decaysAtAll ? HeadRows(queries, stride: head.keyDim) : head.queries.dropFirst(rows.lowerBound)
  }

  var decayedKeys: HeadRows {
    decaysAtAll ? HeadRows(keys, stride: head.keyDim) : head.keys.dropFirst(rows.lowerBound)
  }

  func prepareDecays() {
    guard decaysAtAll else { return }
    let count = rows.count
    head.decay.decays(rows, into: decays, keyDim: 1)
    fromStart[0] = decays[0]
    for i in 1..<count { fromStart[i] = fromStart[i - 1] * decays[i] }
    toEnd[count - 1] = 1
    for j in (0..<count - 1).reversed() { toEnd[j] = toEnd[j + 1] * decays[j + 1] }
    mask[0] = 1
    for i in 1..<count {
      let line = mask + i * Self.length
      vk_scale(line - Self.length, line, decays[i], i)
      line[i] = 1
    }
  }

  func prepareQueries() {
    guard decaysAtAll else { return }
    let f = head.keyDim
    for (i, row) in rows.enumerated() {
      vk_scale(head.queries[row], queries + i * f, fromStart[i], f)
    }
  }

  func prepareKeys() {
    guard decaysAtAll else { return }
    let f = head.keyDim
    for (j, row) in rows.enumerated() { vk_scale(head.keys[row], keys + j * f, toEnd[j], f) }
  }

  func prepareProducts() {
    let first = rows.lowerBound
    BLAS.multiply(
      m: rows.count, n: rows.count, k: head.keyDim, head.queries.matrix(from: first),
      head.keys.matrix(from: first).transposed, into: products, stride: Self.length)
    mask(products)
  }

  /// Times `Λ_ij`, and 0 where `j > i`.
  private func mask(_ square: UnsafeMutablePointer<Float>) {
    for i in 0..<rows.count {
      let line = square + i * Self.length
      if decaysAtAll { vk_multiply(line, mask + i * Self.length, line, i) }
      clear(line, i + 1..<rows.count)
    }
  }

  func decay(_ state: GatedState) {
    guard decaysAtAll else { return }
    let factor = fromStart[rows.count - 1]
    vk_scale(state.sums, state.sums, factor, head.keyDim * head.valueDim)
    if let normalizer = state.normalizer { vk_scale(normalizer, normalizer, factor, head.keyDim) }
  }

  /// With `A` the gradient of the products' weights: `dq = (A ⊙ Λ) K`, `dk = (A ⊙ Λ)ᵀ Q`, beside
  /// what passes through the state.
  func gradients(_ pass: GatedBackward, state: GatedState) {
    let (first, count, f) = (rows.lowerBound, rows.count, head.keyDim)
    let queryTarget = MutableHeadRows(pass.queries[first], stride: pass.queries.stride)
    let keyTarget = MutableHeadRows(pass.keys[first], stride: pass.keys.stride)
    stateFactorGradients(pass, state: state, fromState: queryTarget, toState: keyTarget)
    if decaysAtAll {
      for index in 0..<count {
        vk_scale(queryTarget[index], queryTarget[index], fromStart[index], f)
        vk_scale(keyTarget[index], keyTarget[index], toEnd[index], f)
      }
    }
    weightGradients(pass, into: weights)
    if let decay = pass.decay { decayGradients(pass, state, into: decay) }
    mask(weights)
    BLAS.multiply(
      m: count, n: f, k: count, Matrix(weights, stride: Self.length),
      head.keys.matrix(from: first), beta: 1, into: queryTarget.start, stride: queryTarget.stride)
    BLAS.multiply(
      m: count, n: f, k: count, Matrix(weights, stride: Self.length).transposed,
      head.queries.matrix(from: first), beta: 1, into: keyTarget.start, stride: keyTarget.stride)
  }

  /// The gradient of `g_t`: what all that crosses `t` is worth, products of pairs
  /// (`A_ij P_ij`, `j < t ≤ i`), queries from `t` on with the state before the chunk, keys before `t`
  /// with that after it, and the one with the other. Only what crosses `t` is summed: see
  /// `ChannelDecayChunk.gradients`.
  private func decayGradients(
    _ pass: GatedBackward, _ state: GatedState, into decay: MutableHeadRows
  ) {
    let f = head.keyDim
    var running = vk_dot(pass.later.sums, state.sums, f * head.valueDim)
    if let later = pass.later.normalizer, let normalizer = state.normalizer {
      running += vk_dot(later, normalizer, f)
    }
    running *= fromStart[rows.count - 1]
    for row in rows {
      decay[row][0] = running
      running += vk_dot(head.keys[row], pass.keys[row], f)
    }
    running = 0
    // `decays` is not read again: the sums over the rows from `i` on stand in its place.
    let columns = decays
    columns.update(repeating: 0, count: rows.count)
    for (i, row) in rows.enumerated().reversed() {
      running += vk_dot(head.queries[row], pass.queries[row], f)
      vk_multiply_add(weights + i * Self.length, products + i * Self.length, columns, i)
      decay[row][0] += running + vk_sum(columns, i)
    }
  }
}
