import RealModule

/// One head of one sequence of a branch in the naive twin's precision.
public struct NaiveBranch<T: Real> {
  /// `N`, `[count, valueDim]`.
  public var numerators: [T]
  /// `D` and `m`, `[count]`.
  public var denominators, logScales: [T]

  /// A branch of one head of one sequence.
  @inlinable
  public init(numerators: [T], denominators: [T], logScales: [T]) {
    self.numerators = numerators
    self.denominators = denominators
    self.logScales = logScales
  }
}
