import RealModule

/// Operands of one head of one sequence, or their gradients.
public struct NaiveDeltaRule<T: Real> {
  /// `q`, `log w`, `k`, `z` and `β`, `[count, keyDim]`; the decays one a channel whatever they are.
  public var queries, logDecays, keys, removals, writes: [T]
  /// `v`, `[count, valueDim]`.
  public var values: [T]
  /// The state before the first token, `[keyDim, valueDim]`; 0 where empty.
  public var initial: [T]

  /// Operands of one head; `initial` empty for a state of zeros.
  @inlinable
  public init(
    queries: [T], logDecays: [T], keys: [T], values: [T], removals: [T], writes: [T],
    initial: [T] = []
  ) {
    self.queries = queries
    self.logDecays = logDecays
    self.keys = keys
    self.values = values
    self.removals = removals
    self.writes = writes
    self.initial = initial
  }
}

extension Naive {
  /// `P_t = diag(w_t) P_{t−1} + β_tᵀ (z_t P_{t−1}) + k_tᵀ v_t`, `o_t = scale q_t P_t`, step by step.
  ///
  /// - Returns: outputs `[count, valueDim]` and every state from the first to the last,
  ///   `[count + 1, keyDim, valueDim]`.
  @inlinable
  public static func deltaRule<T: Real>(
    _ x: NaiveDeltaRule<T>, keyDim f: Int, valueDim d: Int, scale: T
  ) -> (output: [T], states: [T]) {
    let count = x.queries.count / f
    var output = [T](repeating: 0, count: count * d)
    let first = x.initial.isEmpty ? [T](repeating: 0, count: f * d) : x.initial
    var states = first + [T](repeating: 0, count: count * f * d)
    for t in 0..<count {
      let (old, new) = (t * f * d, (t + 1) * f * d)
      let reading = deltaRuleReading(x, states, t, keyDim: f, valueDim: d)
      for i in 0..<f {
        let decay = T.exp(x.logDecays[t * f + i])
        let (write, key) = (x.writes[t * f + i], x.keys[t * f + i])
        let query = scale * x.queries[t * f + i]
        for j in 0..<d {
          let element =
            decay * states[old + i * d + j] + write * reading[j] + key * x.values[t * d + j]
          states[new + i * d + j] = element
          output[t * d + j] += query * element
        }
      }
    }
    return (output, states)
  }

  /// `z_t P_{t−1}`.
  @inlinable
  static func deltaRuleReading<T: Real>(
    _ x: NaiveDeltaRule<T>, _ states: [T], _ t: Int, keyDim f: Int, valueDim d: Int
  ) -> [T] {
    var reading = [T](repeating: 0, count: d)
    for i in 0..<f {
      let removal = x.removals[t * f + i]
      for j in 0..<d { reading[j] += removal * states[(t * f + i) * d + j] }
    }
    return reading
  }

  /// Gradients of `deltaRule` by the chain rule, step by step from the last.
  ///
  /// - Parameters:
  ///   - gradient: for the outputs.
  ///   - final: for the last state.
  @inlinable
  public static func deltaRuleGradients<T: Real>(
    _ gradient: [T], final: [T], _ x: NaiveDeltaRule<T>, states: [T], keyDim f: Int,
    valueDim d: Int, scale: T
  ) -> NaiveDeltaRule<T> {
    let count = x.queries.count / f
    let zeros = [T](repeating: 0, count: count * f)
    var found = NaiveDeltaRule(
      queries: zeros, logDecays: zeros, keys: zeros, values: [T](repeating: 0, count: count * d),
      removals: zeros, writes: zeros, initial: final)
    // `found.initial`, the gradient of a later state, is carried back.
    for t in (0..<count).reversed() {
      let (old, new) = (t * f * d, (t + 1) * f * d)
      let reading = deltaRuleReading(x, states, t, keyDim: f, valueDim: d)
      var readingGradient = [T](repeating: 0, count: d)
      for i in 0..<f {
        let query = scale * x.queries[t * f + i]
        let (write, key) = (x.writes[t * f + i], x.keys[t * f + i])
        var (ofQuery, ofKey, ofWrite, ofDecay): (T, T, T, T) = (0, 0, 0, 0)
        for j in 0..<d {
          let upstream = gradient[t * d + j]
          found.initial[i * d + j] += query * upstream
          let g = found.initial[i * d + j]
          ofQuery += upstream * states[new + i * d + j]
          ofKey += g * x.values[t * d + j]
          ofWrite += g * reading[j]
          ofDecay += g * states[old + i * d + j]
          found.values[t * d + j] += key * g
          readingGradient[j] += write * g
        }
        found.queries[t * f + i] = scale * ofQuery
        found.keys[t * f + i] = ofKey
        found.writes[t * f + i] = ofWrite
        found.logDecays[t * f + i] = T.exp(x.logDecays[t * f + i]) * ofDecay
      }
      for i in 0..<f {
        let decay = T.exp(x.logDecays[t * f + i])
        let removal = x.removals[t * f + i]
        var ofRemoval: T = 0
        for j in 0..<d {
          ofRemoval += readingGradient[j] * states[old + i * d + j]
          found.initial[i * d + j] = decay * found.initial[i * d + j] + removal * readingGradient[j]
        }
        found.removals[t * f + i] = ofRemoval
      }
    }
    return found
  }
}
