import CVectorKernels
import TensorCore

/// Bidirectional linear attention: one state, that of all keys, for every query.
extension GatedHead {
  func forwardOfAll(
    state: GatedState, numerator: MutableHeadRows, denominator: MutableHeadRows?
  ) {
    absorbAll(into: state)
    BLAS.multiply(
      m: count, n: valueDim, k: keyDim, alpha: scale, queries.matrix,
      Matrix(state.sums, stride: valueDim), into: numerator.start, stride: numerator.stride)
    guard let denominator, let normalizer = state.normalizer else { return }
    for row in 0..<count {
      denominator[row][0] = scale * vk_dot(queries[row], normalizer, keyDim)
    }
  }

  /// `S ← S + Kᵀ V`, `z ← z + Σ_j k_j`.
  private func absorbAll(into state: GatedState) {
    BLAS.multiply(
      m: keyDim, n: valueDim, k: count, keys.matrix.transposed, values.matrix, beta: 1,
      into: state.sums, stride: valueDim)
    guard let normalizer = state.normalizer else { return }
    for row in 0..<count { vk_add_scaled(normalizer, keys[row], 1, keyDim) }
  }

  /// `R ← R + scale Qᵀ dN`, `r ← r + scale Σ_i dD_i q_i`, and with them `dK = V Rᵀ + r`, `dV = K R`;
  /// `dQ = scale (dN Sᵀ + dD z)`.
  func backwardOfAll(_ pass: GatedBackward) {
    let (f, d) = (keyDim, valueDim)
    var memory = Tensor(uninitialized: [f * d + f])
    memory.withMutablePointer { memory in
      let state = GatedState(
        sums: memory, normalizer: pass.later.normalizer == nil ? nil : memory + f * d)
      copyInitial(to: state)
      absorbAll(into: state)
      BLAS.multiply(
        m: count, n: f, k: d, alpha: scale, pass.numerator.matrix,
        Matrix(state.sums, stride: d).transposed, into: pass.queries.start,
        stride: pass.queries.stride)
      if let denominator = pass.denominator, let normalizer = state.normalizer,
        let later = pass.later.normalizer
      {
        for row in 0..<count {
          let factor = scale * denominator[row][0]
          vk_add_scaled(pass.queries[row], normalizer, factor, f)
          vk_add_scaled(later, queries[row], factor, f)
        }
      }
    }
    BLAS.multiply(
      m: f, n: d, k: count, alpha: scale, queries.matrix.transposed, pass.numerator.matrix, beta: 1,
      into: pass.later.sums, stride: d)
    BLAS.multiply(
      m: count, n: f, k: d, values.matrix, Matrix(pass.later.sums, stride: d).transposed,
      into: pass.keys.start, stride: pass.keys.stride)
    if let later = pass.later.normalizer {
      for row in 0..<count { vk_add_scaled(pass.keys[row], later, 1, f) }
    }
    BLAS.multiply(
      m: count, n: d, k: f, keys.matrix, Matrix(pass.later.sums, stride: d),
      into: pass.values.start, stride: pass.values.stride)
  }
}
