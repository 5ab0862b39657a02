import RealModule

extension Naive {
  /// `windowBranch` of one head of one sequence, by its definition and quadratic.
  @inlinable
  public static func windowBranch<T: Real>(
    queries: [T], keys: [T], values: [T], headDim d: Int, scale: T, window: AttentionWindow,
    sinks: Int, cap: T? = nil
  ) -> NaiveBranch<T> {
    let count = queries.count / d
    return branch(values, count: count, valueDim: d) { i in
      (0...i).filter { $0 < sinks || $0 >= window.start(of: i) }.map { j in
        let product = (0..<d).reduce(T.zero) { $0 + queries[i * d + $1] * keys[j * d + $1] }
        return (j, transformed(product, scale: scale, cap: cap))
      }
    }
  }

  /// `featureBranch` of one head of one sequence, by its definition and quadratic.
  @inlinable
  public static func featureBranch<T: Real>(
    queryFeatures: [T], keyFeatures: [T], values: [T], featureDim f: Int, headDim d: Int,
    keys source: BranchKeys, isCausal: Bool = true
  ) -> NaiveBranch<T> {
    let count = queryFeatures.count / f
    var result = NaiveBranch<T>(
      numerators: [T](repeating: 0, count: count * d),
      denominators: [T](repeating: 0, count: count), logScales: [T](repeating: 0, count: count))
    for i in 0..<count {
      for j in 0..<(isCausal ? i + 1 : count) {
        if case .older(let window, let sinks) = source, j < sinks || j >= window.start(of: i) {
          continue
        }
        let weight = (0..<f).reduce(T.zero) {
          $0 + queryFeatures[i * f + $1] * keyFeatures[j * f + $1]
        }
        result.denominators[i] += weight
        for index in 0..<d { result.numerators[i * d + index] += weight * values[j * d + index] }
      }
    }
    return result
  }

  @inlinable
  static func branch<T: Real>(
    _ values: [T], count: Int, valueDim d: Int, logits: (_ query: Int) -> [(key: Int, value: T)]
  ) -> NaiveBranch<T> {
    var result = NaiveBranch<T>(
      numerators: [T](repeating: 0, count: count * d),
      denominators: [T](repeating: 0, count: count), logScales: [T](repeating: 0, count: count))
    for i in 0..<count {
      let row = logits(i)
      let maximum = row.map { $0.value }.max() ?? 0
      result.logScales[i] = maximum
      for (key, value) in row {
        let weight = T.exp(value - maximum)
        result.denominators[i] += weight
        for index in 0..<d { result.numerators[i * d + index] += weight * values[key * d + index] }
      }
    }
    return result
  }
}
