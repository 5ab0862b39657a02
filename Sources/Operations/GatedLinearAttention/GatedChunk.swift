import CVectorKernels

/// What the forward and the backward pass of some tokens of one head share, in scratch memory of
/// theirs. Legend: `w_i = e^{g_i}`, `Λ_ij = w_{j+1} … w_i`, `Λ_i = w_first … w_i`,
/// `Ω_j = w_{j+1} … w_last`; `S` and `z` the state before the chunk, `R` and `r` the gradient of the
/// state after it.
protocol GatedChunk {
  static var length: Int { get }
  static func elements(_ head: GatedHead, forGradients: Bool) -> Int

  init(
    _ head: GatedHead, _ rows: Range<Int>, _ scratch: UnsafeMutablePointer<Float>,
    forGradients: Bool)

  var head: GatedHead { get }
  var rows: Range<Int> { get }
  /// `q_i ⊙ Λ_i` and `k_j ⊙ Ω_j`, row 0 that of the first token; prepared by the functions below.
  var decayedQueries: HeadRows { get }
  var decayedKeys: HeadRows { get }
  /// `q_i·(Λ_ij ⊙ k_j)` for `j ≤ i`, else 0, `[length, length]`.
  var products: UnsafeMutablePointer<Float> { get }

  func prepareDecays()
  func prepareQueries()
  func prepareKeys()
  func prepareProducts()
  /// Rows of a state, or of its gradient, times `Λ_last`.
  func decay(_ state: GatedState)
  /// Gradients of queries, keys and log decays, which are written, not added to.
  func gradients(_ pass: GatedBackward, state: GatedState)
}

extension GatedChunk {
  /// `N_i = scale (Σ_j P_ij v_j + (q_i ⊙ Λ_i) S)`, `D_i = scale (Σ_j P_ij + (q_i ⊙ Λ_i)·z)`.
  func outputs(
    _ state: GatedState, _ numerator: MutableHeadRows, _ denominator: MutableHeadRows?
  ) {
    let (first, d) = (rows.lowerBound, head.valueDim)
    BLAS.multiply(
      m: rows.count, n: d, k: rows.count, alpha: head.scale,
      Matrix(products, stride: Self.length), head.values.matrix(from: first),
      into: numerator[first], stride: numerator.stride)
    BLAS.multiply(
      m: rows.count, n: d, k: head.keyDim, alpha: head.scale, decayedQueries.matrix,
      Matrix(state.sums, stride: d), beta: 1, into: numerator[first], stride: numerator.stride)
    guard let denominator, let normalizer = state.normalizer else { return }
    for index in 0..<rows.count {
      let within = vk_sum(products + index * Self.length, index + 1)
      let before = vk_dot(decayedQueries[index], normalizer, head.keyDim)
      denominator[first + index][0] = head.scale * (within + before)
    }
  }

  /// `S ← diag(Λ_last) S + (k ⊙ Ω)ᵀ v`, `z ← Λ_last ⊙ z + Σ_j k_j ⊙ Ω_j`.
  func advance(_ state: GatedState) {
    decay(state)
    BLAS.multiply(
      m: head.keyDim, n: head.valueDim, k: rows.count, decayedKeys.matrix.transposed,
      head.values.matrix(from: rows.lowerBound), beta: 1, into: state.sums, stride: head.valueDim)
    guard let normalizer = state.normalizer else { return }
    for index in 0..<rows.count { vk_add_scaled(normalizer, decayedKeys[index], 1, head.keyDim) }
  }

  /// `dV = scale Pᵀ dN + (k ⊙ Ω) R`.
  func valueGradients(_ pass: GatedBackward) {
    let (first, d) = (rows.lowerBound, head.valueDim)
    BLAS.multiply(
      m: rows.count, n: d, k: rows.count, alpha: head.scale,
      Matrix(products, stride: Self.length).transposed, pass.numerator.matrix(from: first),
      into: pass.values[first], stride: pass.values.stride)
    BLAS.multiply(
      m: rows.count, n: d, k: head.keyDim, decayedKeys.matrix, Matrix(pass.later.sums, stride: d),
      beta: 1, into: pass.values[first], stride: pass.values.stride)
  }

  /// `R ← diag(Λ_last) R + scale (q ⊙ Λ)ᵀ dN`, `r ← Λ_last ⊙ r + scale Σ_i dD_i q_i ⊙ Λ_i`.
  func carryBack(_ pass: GatedBackward) {
    decay(pass.later)
    BLAS.multiply(
      m: head.keyDim, n: head.valueDim, k: rows.count, alpha: head.scale,
      decayedQueries.matrix.transposed, pass.numerator.matrix(from: rows.lowerBound), beta: 1,
      into: pass.later.sums, stride: head.valueDim)
    guard let normalizer = pass.later.normalizer, let denominator = pass.denominator else { return }
    for (index, row) in rows.enumerated() {
      vk_add_scaled(
        normalizer, decayedQueries[index], head.scale * denominator[row][0], head.keyDim)
    }
  }

  /// `A_ij = scale (dN_i·v_j + dD_i)`, `[length, length]`, of any `i` and `j`.
  func weightGradients(_ pass: GatedBackward, into weights: UnsafeMutablePointer<Float>) {
    let first = rows.lowerBound
    BLAS.multiply(
      m: rows.count, n: rows.count, k: head.valueDim, alpha: head.scale,
      pass.numerator.matrix(from: first), head.values.matrix(from: first).transposed,
      into: weights, stride: Self.length)
    guard let denominator = pass.denominator else { return }
    for (index, row) in rows.enumerated() {
      let addend = head.scale * denominator[row][0]
      for column in 0..<rows.count { weights[index * Self.length + column] += addend }
    }
  }

  /// `scale (dN Sᵀ + dD z)` and `V Rᵀ + r`, a row a token: what reaches `q_i ⊙ Λ_i` and `k_j ⊙ Ω_j`
  /// through the state.
  func stateFactorGradients(
    _ pass: GatedBackward, state: GatedState, fromState: MutableHeadRows, toState: MutableHeadRows
  ) {
    let (first, f, d) = (rows.lowerBound, head.keyDim, head.valueDim)
    BLAS.multiply(
      m: rows.count, n: f, k: d, alpha: head.scale, pass.numerator.matrix(from: first),
      Matrix(state.sums, stride: d).transposed, into: fromState.start, stride: fromState.stride)
    BLAS.multiply(
      m: rows.count, n: f, k: d, head.values.matrix(from: first),
      Matrix(pass.later.sums, stride: d).transposed, into: toState.start, stride: toState.stride)
    guard let denominator = pass.denominator, let normalizer = state.normalizer,
      let later = pass.later.normalizer
    else { return }
    for (index, row) in rows.enumerated() {
      vk_add_scaled(fromState[index], normalizer, head.scale * denominator[row][0], f)
      vk_add_scaled(toState[index], later, 1, f)
    }
  }
}
