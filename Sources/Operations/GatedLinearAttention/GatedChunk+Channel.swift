import CVectorKernels

/// Tokens whose every channel decays at its own rate: 16, whose products are formed pair by pair.
struct ChannelDecayChunk: GatedChunk {
  static let length = 16

  let head: GatedHead
  let rows: Range<Int>
  /// `w_i`, `Λ_i`, `Ω_j`, `q_i ⊙ Λ_i` and `k_j ⊙ Ω_j`, `[length, keyDim]` each.
  private let decays, fromStart, toEnd, queries, keys: UnsafeMutablePointer<Float>
  let products: UnsafeMutablePointer<Float>
  /// `Λ_ij ⊙ k_j` for `j ≤ i`, `[…, keyDim]`: of every `i` for gradients, else of the last.
  private let pairs: UnsafeMutablePointer<Float>
  private let keepsPairs: Bool
  /// For gradients: `[length, keyDim]` twice, `[length, length]`, `[keyDim]`.
  private let fromState, toState, weights, running: UnsafeMutablePointer<Float>

  static func elements(_ head: GatedHead, forGradients: Bool) -> Int {
    let f = head.keyDim
    let common = 5 * length * f + length * length
    if !forGradients { return common + length * f }
    return common + length * (length + 1) / 2 * f + 2 * length * f + length * length + f
  }

  init(
    _ head: GatedHead, _ rows: Range<Int>, _ scratch: UnsafeMutablePointer<Float>,
    forGradients: Bool
  ) {
    self.head = head
    self.rows = rows
    keepsPairs = forGradients
    let size = Self.length * head.keyDim
    decays = scratch
    fromStart = scratch + size
    toEnd = scratch + 2 * size
    queries = scratch + 3 * size
    keys = scratch + 4 * size
    products = scratch + 5 * size
    pairs = products + Self.length * Self.length
    fromState = pairs + Self.length * (Self.length + 1) / 2 * head.keyDim
    toState = fromState + size
    weights = toState + size
    running = weights + Self.length * Self.length
  }

  var decayedQueries: HeadRows { HeadRows(queries, stride: head.keyDim) }
  var decayedKeys: HeadRows { HeadRows(keys, stride: head.keyDim) }

  /// `Λ_ij ⊙ k_j` for `j` from 0 to `i`.
  private func pairs(of i: Int) -> UnsafeMutablePointer<Float> {
    keepsPairs ? pairs + i * (i + 1) / 2 * head.keyDim : pairs
  }

  func prepareDecays() {
    let (count, f) = (rows.count, head.keyDim)
    head.decay.decays(rows, into: decays, keyDim: f)
    fromStart.update(from: decays, count: f)
    for i in 1..<max(1, count) {
      vk_multiply(fromStart + (i - 1) * f, decays + i * f, fromStart + i * f, f)
    }
    (toEnd + (count - 1) * f).update(repeating: 1, count: f)
    for j in (0..<count - 1).reversed() {
      vk_multiply(toEnd + (j + 1) * f, decays + (j + 1) * f, toEnd + j * f, f)
    }
  }

  func prepareQueries() {
    let f = head.keyDim
    for (i, row) in rows.enumerated() {
      vk_multiply(head.queries[row], fromStart + i * f, queries + i * f, f)
    }
  }

  func prepareKeys() {
    let f = head.keyDim
    for (j, row) in rows.enumerated() {
      vk_multiply(head.keys[row], toEnd + j * f, keys + j * f, f)
    }
  }

  func prepareProducts() {
    let f = head.keyDim
    for (i, row) in rows.enumerated() {
      let query = head.queries[row]
      let line = products + i * Self.length
      let current = pairs(of: i)
      vk_gated_pairs(query, decays + i * f, pairs(of: max(0, i - 1)), current, line, i, f)
      (current + i * f).update(from: head.keys[row], count: f)
      line[i] = vk_dot(query, current + i * f, f)
      clear(line, i + 1..<Self.length)
    }
  }

  func decay(_ state: GatedState) {
    let d = head.valueDim
    let factors = fromStart + (rows.count - 1) * head.keyDim
    for channel in 0..<head.keyDim {
      vk_scale(state.sums + channel * d, state.sums + channel * d, factors[channel], d)
    }
    if let normalizer = state.normalizer {
      vk_multiply(normalizer, factors, normalizer, head.keyDim)
    }
  }

  /// The gradient of `g_t` is often written as a sum over `i ≥ t` of `q_i dq_i − k_i dk_i` (GLA,
  /// appendix C). Products of tokens that both follow `t` cancel in it, and the product of a token
  /// with itself, which no decay makes small: with decays of −5 what remains is a hundredth of
  /// what cancels, with −20 nothing. So only what crosses `t` is summed here.
  func gradients(_ pass: GatedBackward, state: GatedState) {
    throughState(pass, state)
    withinChunk(pass)
  }

  /// What passes through the state: `dq_i = Λ_i ⊙ scale (dN Sᵀ)_i`, `dk_j = Ω_j ⊙ (V Rᵀ)_j`,
  /// `dg_t = Σ_{i≥t} q_i dq_i + Σ_{j<t} k_j dk_j + Λ_last ⊙ rowsum(R ⊙ S)`.
  private func throughState(_ pass: GatedBackward, _ state: GatedState) {
    let (f, d) = (head.keyDim, head.valueDim)
    let last = fromStart + (rows.count - 1) * f
    stateFactorGradients(
      pass, state: state, fromState: MutableHeadRows(fromState, stride: f),
      toState: MutableHeadRows(toState, stride: f))
    for channel in 0..<f {
      var total = vk_dot(pass.later.sums + channel * d, state.sums + channel * d, d)
      if let later = pass.later.normalizer, let normalizer = state.normalizer {
        total += later[channel] * normalizer[channel]
      }
      running[channel] = last[channel] * total
    }
    for (index, row) in rows.enumerated() {
      let local = index * f
      vk_multiply(fromState + local, fromStart + local, pass.queries[row], f)
      vk_multiply(toState + local, toEnd + local, pass.keys[row], f)
      pass.decay![row].update(from: running, count: f)
      vk_multiply_add(head.keys[row], pass.keys[row], running, f)
    }
    running.update(repeating: 0, count: f)
    for row in rows.reversed() {
      vk_multiply_add(head.queries[row], pass.queries[row], running, f)
      vk_add_scaled(pass.decay![row], running, 1, f)
    }
  }

  /// What stays in the chunk: with `A` the gradient of the products' weights and, for `j ≤ i`,
  /// `D_ij` the gradient of `Λ_ij ⊙ k_j` through the queries from `i` on,
  /// `D_ij = A_ij q_i + w_{i+1} ⊙ D_{i+1,j}`, `dq_i += Σ_j A_ij Λ_ij ⊙ k_j`, `dk_j += D_jj`,
  /// `dg_i += Σ_{j<i} D_ij ⊙ Λ_ij ⊙ k_j`.
  private func withinChunk(_ pass: GatedBackward) {
    let f = head.keyDim
    weightGradients(pass, into: weights)
    let pairGradients = fromState
    pairGradients.update(repeating: 0, count: rows.count * f)
    for (i, row) in rows.enumerated().reversed() {
      let pairs = pairs(of: i)
      let line = weights + i * Self.length
      vk_gated_pair_gradients(
        head.queries[row], decays + i * f, line, pairs, pairGradients, pass.queries[row],
        pass.decay![row], i, f)
      // A token's product with itself does not decay.
      vk_add_scaled(pairGradients + i * f, head.queries[row], line[i], f)
      vk_add_scaled(pass.queries[row], pairs + i * f, line[i], f)
      vk_add_scaled(pass.keys[row], pairGradients + i * f, 1, f)
    }
  }
}
