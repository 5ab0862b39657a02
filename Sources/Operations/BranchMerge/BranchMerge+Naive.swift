import RealModule

extension Naive {
  /// `mergedBranches` of one head, by its definition: no scale is taken out.
  @inlinable
  public static func mergedBranches<T: Real>(
    window: NaiveBranch<T>, memory: NaiveBranch<T>, logRatio: T, units: BranchUnits
  ) -> [T] {
    let count = window.denominators.count
    let d = window.numerators.count / count
    let ratio = T.exp(logRatio)
    return window.numerators.indices.map { index in
      let row = index / d
      let windowFactor: T = units == .absolute ? T.exp(window.logScales[row]) : 1
      let memoryFactor: T = units == .absolute ? ratio * T.exp(memory.logScales[row]) : ratio
      return
        (windowFactor * window.numerators[index] + memoryFactor * memory.numerators[index])
        / (windowFactor * window.denominators[row] + memoryFactor * memory.denominators[row])
    }
  }
}
