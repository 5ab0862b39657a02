import RealModule

extension Naive {
  /// One head of one sequence, token by token; all operands `[count, headDim]`.
  ///
  /// - Returns: outputs `[count, headDim]` and the last state, `[headDim, headDim]`.
  @inlinable
  public static func gatedLinearAttention<T: Real>(
    queries: [T], keys: [T], values: [T], logDecays: [T], headDim d: Int, scale: T
  ) -> (output: [T], state: [T]) {
    var state = [T](repeating: 0, count: d * d)
    var output = [T](repeating: 0, count: queries.count)
    for row in stride(from: 0, to: queries.count, by: d) {
      for channel in 0..<d {
        let decay = T.exp(logDecays[row + channel])
        for column in 0..<d {
          let index = channel * d + column
          state[index] = decay * state[index] + keys[row + channel] * values[row + column]
          output[row + column] += scale * queries[row + channel] * state[index]
        }
      }
    }
    return (output, state)
  }

  /// Gradients of `gatedLinearAttention`'s output, token by token from the last with every state
  /// kept, in the order queries, keys, values, log decays.
  @inlinable
  public static func gatedLinearAttentionGradients<T: Real>(
    _ gradient: [T], queries: [T], keys: [T], values: [T], logDecays: [T], headDim d: Int, scale: T
  ) -> [[T]] {
    var states = [[T](repeating: 0, count: d * d)]
    for row in stride(from: 0, to: queries.count, by: d) {
      var state = states[row / d]
      for index in state.indices {
        state[index] =
          T.exp(logDecays[row + index / d]) * state[index]
          + keys[row + index / d] * values[row + index % d]
      }
      states.append(state)
    }
    let zeros = [T](repeating: 0, count: queries.count)
    var (dQ, dK, dV, dG) = (zeros, zeros, zeros, zeros)
    var later = [T](repeating: 0, count: d * d)
    for row in stride(from: 0, to: queries.count, by: d).reversed() {
      let (before, after) = (states[row / d], states[row / d + 1])
      for channel in 0..<d {
        let decay = T.exp(logDecays[row + channel])
        for column in 0..<d {
          let index = channel * d + column
          dQ[row + channel] += scale * after[index] * gradient[row + column]
          later[index] += scale * queries[row + channel] * gradient[row + column]
          dK[row + channel] += later[index] * values[row + column]
          dV[row + column] += later[index] * keys[row + channel]
          later[index] *= decay
          dG[row + channel] += later[index] * before[index]
        }
      }
    }
    return [dQ, dK, dV, dG]
  }
}
