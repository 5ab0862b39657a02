import TestSupport
import Testing

/// Whether what gradients are held against would notice one that is wrong.
@Suite struct DirectionalGradientTests {
  private let point = (0..<40).map { Double($0 % 7) - 2.5 }

  /// Half the sum of squares, whose gradient is the point itself.
  private func function(_ x: [Double]) -> Double { x.reduce(0) { $0 + 0.5 * $1 * $1 } }

  private func error(of gradient: [Double], directions: Int = 3) -> Double {
    directionalError(
      of: gradient.map(Float.init), at: point, directions: directions, step: 1e-3, function)
  }

  @Test func `The true gradient has the derivatives of its function`() {
    #expect(error(of: point) < 1e-6)
  }

  @Test(arguments: [0..<20, 20..<40, 0..<4, 38..<39])
  func `A gradient with a part zeroed has other derivatives, though along itself nothing shows`(
    part: Range<Int>
  ) {
    var gradient = point
    for index in part { gradient[index] = 0 }
    // Along itself the function rises by its length, as if nothing were missing.
    let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let rise = directionalDerivative(
      at: point, along: gradient.map { $0 / norm }, step: 1e-3, function)
    #expect(abs(rise - norm) < 1e-6)
    let missing = part.reduce(0) { $0 + point[$1] * point[$1] }.squareRoot()
    let whole = point.reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(error(of: gradient) > 0.3 * missing / whole)
  }
}
