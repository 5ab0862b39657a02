import RealModule

/// Operands of one head of one sequence, or their gradients.
public struct NaiveGatedLinearAttention<T: Real> {
  /// `[count, keyDim]`, `[count, keyDim]` and `[count, valueDim]`.
  public var queries, keys, values: [T]
  /// One a channel whatever the decay, `[count, keyDim]`.
  public var logDecays: [T]
  /// The state before the first token, `[keyDim, valueDim]` and `[keyDim]`; 0 where empty.
  public var sums, normalizer: [T]

  /// Operands of one head; a state of zeros where `sums` is empty.
  @inlinable
  public init(
    queries: [T], keys: [T], values: [T], logDecays: [T], sums: [T] = [], normalizer: [T] = []
  ) {
    self.queries = queries
    self.keys = keys
    self.values = values
    self.logDecays = logDecays
    self.sums = sums
    self.normalizer = normalizer
  }
}

/// What one head of one sequence gives, or its gradients.
public struct NaiveRecurrentOutput<T: Real> {
  /// `[count, valueDim]` and `[count]`.
  public var numerator, denominator: [T]
  /// The state after the last token, `[keyDim, valueDim]` and `[keyDim]`.
  public var sums, normalizer: [T]

  /// What one head gives.
  @inlinable
  public init(numerator: [T], denominator: [T], sums: [T], normalizer: [T]) {
    self.numerator = numerator
    self.denominator = denominator
    self.sums = sums
    self.normalizer = normalizer
  }
}

extension Naive {
  /// One head of one sequence, token by token: `S_t = diag(e^{g_t}) S_{t−1} + k_tᵀ v_t`,
  /// `z_t = e^{g_t} ⊙ z_{t−1} + k_t`, `N_t = scale q_t S_t`, `D_t = scale q_t·z_t`; every query sees
  /// the last state where it is not causal.
  @inlinable
  public static func gatedLinearAttention<T: Real>(
    _ x: NaiveGatedLinearAttention<T>, keyDim f: Int, valueDim d: Int, scale: T,
    isCausal: Bool = true
  ) -> NaiveRecurrentOutput<T> {
    let states = gatedStates(x, keyDim: f, valueDim: d)
    let count = states.count - 1
    var numerator = [T](repeating: 0, count: count * d)
    var denominator = [T](repeating: 0, count: count)
    for t in 0..<count {
      let state = states[isCausal ? t + 1 : count]
      for channel in 0..<f {
        let query = scale * x.queries[t * f + channel]
        denominator[t] += query * state.normalizer[channel]
        for column in 0..<d {
          numerator[t * d + column] += query * state.sums[channel * d + column]
        }
      }
    }
    return NaiveRecurrentOutput(
      numerator: numerator, denominator: denominator, sums: states[count].sums,
      normalizer: states[count].normalizer)
  }

  /// Every state, from that before the first token to that after the last.
  @inlinable
  static func gatedStates<T: Real>(
    _ x: NaiveGatedLinearAttention<T>, keyDim f: Int, valueDim d: Int
  ) -> [(sums: [T], normalizer: [T])] {
    var states = [
      (
        sums: x.sums.isEmpty ? [T](repeating: 0, count: f * d) : x.sums,
        normalizer: x.normalizer.isEmpty ? [T](repeating: 0, count: f) : x.normalizer
      )
    ]
    for t in 0..<x.queries.count / f {
      var (sums, normalizer) = states[t]
      for channel in 0..<f {
        let decay = T.exp(x.logDecays[t * f + channel])
        let key = x.keys[t * f + channel]
        normalizer[channel] = decay * normalizer[channel] + key
        for column in 0..<d {
          let index = channel * d + column
          sums[index] = decay * sums[index] + key * x.values[t * d + column]
        }
      }
      states.append((sums, normalizer))
    }
    return states
  }

  /// Gradients of `gatedLinearAttention`, token by token from the last with every state kept.
  ///
  /// - Parameter gradient: for everything that it gives, the last state included.
  @inlinable
  public static func gatedLinearAttentionGradients<T: Real>(
    _ gradient: NaiveRecurrentOutput<T>, _ x: NaiveGatedLinearAttention<T>, keyDim f: Int,
    valueDim d: Int, scale: T, isCausal: Bool = true
  ) -> NaiveGatedLinearAttention<T> {
    let states = gatedStates(x, keyDim: f, valueDim: d)
    let count = states.count - 1
    let zeros = [T](repeating: 0, count: count * f)
    var found = NaiveGatedLinearAttention(
      queries: zeros, keys: zeros, values: [T](repeating: 0, count: count * d), logDecays: zeros,
      sums: gradient.sums, normalizer: gradient.normalizer)
    // `found.sums` and `found.normalizer`, the gradient of a later state, are carried back.
    let read = { (t: Int) in
      let state = states[isCausal ? t + 1 : count]
      for channel in 0..<f {
        let query = scale * x.queries[t * f + channel]
        let ofDenominator = gradient.denominator[t]
        var ofQuery = ofDenominator * state.normalizer[channel]
        found.normalizer[channel] += query * ofDenominator
        for column in 0..<d {
          let upstream = gradient.numerator[t * d + column]
          ofQuery += upstream * state.sums[channel * d + column]
          found.sums[channel * d + column] += query * upstream
        }
        found.queries[t * f + channel] = scale * ofQuery
      }
    }
    if !isCausal { for t in 0..<count { read(t) } }
    for t in (0..<count).reversed() {
      if isCausal { read(t) }
      let before = states[t]
      for channel in 0..<f {
        let decay = T.exp(x.logDecays[t * f + channel])
        let key = x.keys[t * f + channel]
        var ofKey = found.normalizer[channel]
        found.normalizer[channel] *= decay
        var ofDecay = found.normalizer[channel] * before.normalizer[channel]
        for column in 0..<d {
          let index = channel * d + column
          ofKey += found.sums[index] * x.values[t * d + column]
          found.values[t * d + column] += found.sums[index] * key
          found.sums[index] *= decay
          ofDecay += found.sums[index] * before.sums[index]
        }
        found.keys[t * f + channel] = ofKey
        found.logDecays[t * f + channel] = ofDecay
      }
    }
    return found
  }
}
