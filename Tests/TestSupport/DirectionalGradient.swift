/// Central difference of a scalar function along a direction.
public func directionalDerivative(
  at point: [Double], along direction: [Double], step: Double = 1e-5,
  _ function: ([Double]) throws -> Double
) rethrows -> Double {
  let above = try function(zip(point, direction).map { $0 + step * $1 })
  let below = try function(zip(point, direction).map { $0 - step * $1 })
  return (above - below) / (2 * step)
}

/// How far a gradient is from the derivatives of `function` along random directions, which every
/// coordinate takes part in: a gradient with some of its parts missing cannot pass, as it could
/// along itself. Relative RMS over the directions.
///
/// - Parameters:
///   - step: of the central differences; longer for a function that rounds to floats.
///   - floor: sum of squares below which the true derivatives count as this large.
public func directionalError(
  of gradient: [Float], at point: [Double], directions: Int = 6, seed: UInt64 = 97,
  step: Double = 1e-5, floor: Double = 1e-6, _ function: ([Double]) throws -> Double
) rethrows -> Double {
  precondition(gradient.count == point.count, "\(gradient.count) of \(point.count)")
  var draw = TestValues(seed)
  var found: [Float] = []
  var expected: [Double] = []
  for _ in 0..<directions {
    let direction = draw.normal(point.count)
    found.append(Float(zip(gradient, direction).reduce(0) { $0 + Double($1.0) * $1.1 }))
    expected.append(
      try directionalDerivative(at: point, along: direction, step: step, function))
  }
  return relativeRMS(found, expected, floor: floor)
}
