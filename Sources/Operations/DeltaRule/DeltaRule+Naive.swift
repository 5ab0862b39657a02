import RealModule

/// Operands of one head of one sequence, or their gradients, `[count, headDim]` each.
public struct NaiveDeltaRule<T: Real> {
  /// `r`, `log w`, `k`, `v`, `z` and `β`.
  public var receptances, logDecays, keys, values, removals, writes: [T]

  @inlinable
  public init(
    receptances: [T], logDecays: [T], keys: [T], values: [T], removals: [T], writes: [T]
  ) {
    self.receptances = receptances
    self.logDecays = logDecays
    self.keys = keys
    self.values = values
    self.removals = removals
    self.writes = writes
  }
}

extension Naive {
  /// `P_t = diag(w_t) P_{t−1} + β_tᵀ (z_t P_{t−1}) + k_tᵀ v_t`, `o_t = scale r_t P_t`, step by step.
  ///
  /// - Returns: outputs `[count, headDim]` and every state from the first, which is 0, to the
  ///   last, `[count + 1, headDim, headDim]`.
  @inlinable
  public static func deltaRule<T: Real>(_ x: NaiveDeltaRule<T>, headDim d: Int, scale: T) -> (
    output: [T], states: [T]
  ) {
    let count = x.values.count / d
    var output = [T](repeating: 0, count: count * d)
    var states = [T](repeating: 0, count: (count + 1) * d * d)
    for t in 0..<count {
      let (old, new) = (t * d * d, (t + 1) * d * d)
      let reading = deltaRuleReading(x, states, t, headDim: d)
      for i in 0..<d {
        let decay = T.exp(x.logDecays[t * d + i])
        let (write, key) = (x.writes[t * d + i], x.keys[t * d + i])
        let receptance = scale * x.receptances[t * d + i]
        for j in 0..<d {
          let element =
            decay * states[old + i * d + j] + write * reading[j] + key * x.values[t * d + j]
          states[new + i * d + j] = element
          output[t * d + j] += receptance * element
        }
      }
    }
    return (output, states)
  }

  /// `z_t P_{t−1}`.
  @inlinable
  static func deltaRuleReading<T: Real>(
    _ x: NaiveDeltaRule<T>, _ states: [T], _ t: Int, headDim d: Int
  )
    -> [T]
  {
    var reading = [T](repeating: 0, count: d)
    for i in 0..<d {
      let removal = x.removals[t * d + i]
      for j in 0..<d { reading[j] += removal * states[t * d * d + i * d + j] }
    }
    return reading
  }

  /// Gradients of `deltaRule` by the chain rule, step by step from the last.
  @inlinable
  public static func deltaRuleGradients<T: Real>(
    _ gradient: [T], _ x: NaiveDeltaRule<T>, states: [T], headDim d: Int, scale: T
  ) -> NaiveDeltaRule<T> {
    let count = x.values.count / d
    let zeros = [T](repeating: 0, count: count * d)
    var found = NaiveDeltaRule(
      receptances: zeros, logDecays: zeros, keys: zeros, values: zeros, removals: zeros,
      writes: zeros)
    var dState = [T](repeating: 0, count: d * d)
    for t in (0..<count).reversed() {
      let (old, new) = (t * d * d, (t + 1) * d * d)
      let reading = deltaRuleReading(x, states, t, headDim: d)
      var readingGradient = [T](repeating: 0, count: d)
      for i in 0..<d {
        let receptance = scale * x.receptances[t * d + i]
        let (write, key) = (x.writes[t * d + i], x.keys[t * d + i])
        var (ofReceptance, ofKey, ofWrite, ofDecay): (T, T, T, T) = (0, 0, 0, 0)
        for j in 0..<d {
          let upstream = gradient[t * d + j]
          dState[i * d + j] += receptance * upstream
          let g = dState[i * d + j]
          ofReceptance += upstream * states[new + i * d + j]
          ofKey += g * x.values[t * d + j]
          ofWrite += g * reading[j]
          ofDecay += g * states[old + i * d + j]
          found.values[t * d + j] += key * g
          readingGradient[j] += write * g
        }
        found.receptances[t * d + i] = scale * ofReceptance
        found.keys[t * d + i] = ofKey
        found.writes[t * d + i] = ofWrite
        found.logDecays[t * d + i] = T.exp(x.logDecays[t * d + i]) * ofDecay
      }
      for i in 0..<d {
        let decay = T.exp(x.logDecays[t * d + i])
        let removal = x.removals[t * d + i]
        var ofRemoval: T = 0
        for j in 0..<d {
          ofRemoval += readingGradient[j] * states[old + i * d + j]
          dState[i * d + j] = decay * dState[i * d + j] + removal * readingGradient[j]
        }
        found.removals[t * d + i] = ofRemoval
      }
    }
    return found
  }
}
