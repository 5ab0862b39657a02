import Foundation

/// Root mean square of the difference over that of the reference. Below `floor` both count as 0.
public func relativeRMS(_ values: [Float], _ reference: [Double], floor: Double = 1e-30) -> Double {
  precondition(values.count == reference.count, "\(values.count) values, \(reference.count)")
  var difference = 0.0
  var total = 0.0
  for (value, expected) in zip(values, reference) {
    if !Double(value).isFinite { return .infinity }
    difference += (Double(value) - expected) * (Double(value) - expected)
    total += expected * expected
  }
  return (difference / max(total, floor)).squareRoot()
}

/// Central differences of a scalar function, one coordinate at a time.
public func numericalGradient(
  at point: [Double], step: Double = 1e-5, _ function: ([Double]) -> Double
) -> [Double] {
  var point = point
  return point.indices.map { index in
    let value = point[index]
    point[index] = value + step
    let above = function(point)
    point[index] = value - step
    let below = function(point)
    point[index] = value
    return (above - below) / (2 * step)
  }
}

/// Repeatable normal draws for test data.
public struct TestValues {
  private var state: UInt64

  public init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  private mutating func uniform() -> Double {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Double(state >> 11) * 0x1p-53
  }

  /// Values that a `Float` holds exactly, so that both precisions start from the same input.
  public mutating func normal(_ count: Int, scale: Double = 1) -> [Double] {
    (0..<count).map { _ in
      let radius = (-2 * log(max(uniform(), 1e-300))).squareRoot()
      return Double(Float(scale * radius * cos(2 * .pi * uniform())))
    }
  }
}
