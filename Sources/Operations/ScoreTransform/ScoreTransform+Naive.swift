import RealModule

extension Naive {
  /// `cap tanh(scale x / cap)`, or `scale x`.
  @inlinable
  public static func transformed<T: Real>(_ x: T, scale: T, cap: T?) -> T {
    cap.map { $0 * T.tanh(scale * x / $0) } ?? scale * x
  }
}
