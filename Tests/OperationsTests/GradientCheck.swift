import Operations
import TensorCore
import TestSupport
import Testing

/// Indices spread over `0..<count` without a period that a row length could share.
func spread(_ wanted: Int, over count: Int) -> [Int] {
  if count <= wanted { return Array(0..<count) }
  var step = max(1, count * 618 / 1000)
  while greatestCommonDivisor(step, count) != 1 { step += 1 }
  return (0..<wanted).map { $0 * step % count }
}

private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
  b == 0 ? a : greatestCommonDivisor(b, a % b)
}

/// Holds some coordinates of a gradient against central differences of `function` at `point`.
///
/// - Parameter floor: sum of squares below which the true gradient counts as this large, for
///   gradients that are zero but for rounding.
func expectGradient(
  _ found: Tensor?, at point: [Double], within tolerance: Double, coordinates: Int = 24,
  floor: Double = 1e-6,
  sourceLocation: SourceLocation = #_sourceLocation, _ function: ([Double]) -> Double
) throws {
  let found = try #require(found, sourceLocation: sourceLocation)
  #expect(found.count == point.count, sourceLocation: sourceLocation)
  let picked = spread(coordinates, over: point.count)
  let expected = numericalGradient(at: picked.map { point[$0] }) { values in
    var moved = point
    for (index, value) in zip(picked, values) { moved[index] = value }
    return function(moved)
  }
  let elements = found.elements
  let error = relativeRMS(picked.map { elements[$0] }, expected, floor: floor)
  #expect(error < tolerance, sourceLocation: sourceLocation)
}

/// A stored form whose bytes start one past a float's boundary, as in a packed file.
func storedUnaligned(_ values: [Double], _ shape: [Int]) -> StoredTensor {
  let owner = Bytes(count: values.count * 4 + 1)
  for (index, value) in values.enumerated() {
    (owner.start + 1 + index * 4).storeBytes(of: Float(value), as: Float.self)
  }
  return StoredTensor(
    elementType: .float32, shape: shape,
    bytes: UnsafeRawBufferPointer(start: owner.start + 1, count: values.count * 4), owner: owner)
}

/// `@unchecked Sendable`: written only before it is shared.
private final class Bytes: @unchecked Sendable {
  let start: UnsafeMutableRawPointer
  init(count: Int) { start = .allocate(byteCount: count, alignment: 16) }
  deinit { start.deallocate() }
}

/// The values with NaN in the rows outside every segment.
func poisoned(_ values: [Double], _ layout: SequenceLayout, width: Int) -> [Double] {
  var values = values
  for rows in layout.padding {
    for index in rows.lowerBound * width..<rows.upperBound * width { values[index] = .nan }
  }
  return values
}
