import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct RowDistanceTests {
  /// Segments that straddle the blocks of 64 rows, and padding on every side.
  private static let layout = SequenceLayout(
    rows: 280, segments: [.init(start: 3, count: 65), .init(start: 70, count: 200)])
  private static let width = 7

  private var rows: [Int] { Self.layout.segments.flatMap { Array($0.rows) } }

  @Test func `the value and the gradient equal the definition, and padding is left out`() throws {
    let (layout, width) = (Self.layout, Self.width)
    let shape: Shape = [layout.rows, width]
    var draw = TestValues(4)
    let prediction = draw.normal(layout.rows * width)
    let target = draw.normal(layout.rows * width)
    let (value, gradient) = rowDistance(
      tensor(poisoned(prediction, layout, width: width), shape),
      tensor(poisoned(target, layout, width: width), shape), layout: layout, weight: 2.5)
    let expected = Naive.rowDistance(prediction, target, width: width, rows: rows)
    #expect(relativeRMS([Float(value)], [expected]) < 5e-7)
    try expectGradient(gradient, at: prediction, within: 1e-6, coordinates: 100) {
      2.5 * Naive.rowDistance($0, target, width: width, rows: rows)
    }
    let elements = gradient.elements
    for rows in layout.padding {
      #expect(
        elements[rows.lowerBound * width..<rows.upperBound * width].allSatisfy { $0 == 0 })
    }
  }

  @Test
  func `rows that nearly meet keep the direction between them, rows that meet have no gradient`()
    throws
  {
    var draw = TestValues(5)
    let target = draw.normal(3 * 5)
    var prediction = target
    // Row 0 meets its target; row 1 is a few thousand units in the last place away.
    for index in 5..<10 { prediction[index] += Double(index - 7) * 0x1p-14 }
    let (_, gradient) = rowDistance(
      tensor(prediction, [3, 5]), tensor(target, [3, 5]), layout: SequenceLayout(length: 3),
      weight: 1)
    #expect(gradient.elements[..<5].allSatisfy { $0 == 0 })
    #expect(gradient.elements[10...].allSatisfy { $0 == 0 })
    let scale = 1 / (3 * 5.0.squareRoot()) / 10.0.squareRoot()
    #expect(
      relativeRMS(Array(gradient.elements[5..<10]), (-2...2).map { Double($0) * scale }) < 1e-3)
  }
}
