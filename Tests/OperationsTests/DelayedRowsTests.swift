import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct DelayedRowsTests {
  private static let width = 3
  private let layout = SequenceLayout(
    rows: 30,
    segments: [.init(start: 2, count: 1), .init(start: 3, count: 7), .init(start: 11, count: 17)])
  private let x = {
    var draw = TestValues(8)
    return draw.normal(30 * width)
  }()

  private func naive(_ x: [Double], delay: Int, skipped: Int) -> [Double] {
    var result = [Double](repeating: 0, count: x.count)
    for segment in layout.segments {
      let range = segment.start * Self.width..<segment.rows.upperBound * Self.width
      result.replaceSubrange(
        range,
        with: Naive.delayedRows(Array(x[range]), by: delay, skipping: skipped, width: Self.width))
    }
    return result
  }

  @Test(arguments: [1, 3, 7, 20], [0, 2])
  func `Rows come later by the delay, within their segment`(delay: Int, skipped: Int) {
    let found = delayedRows(tensor(x, [30, 3]), by: delay, skipping: skipped, layout: layout)
    #expect(found.elements.map(Double.init) == naive(x, delay: delay, skipped: skipped))
  }

  @Test(arguments: [1, 3, 7, 20], [0, 2])
  func `The gradient goes back to where a row came from`(delay: Int, skipped: Int) {
    var draw = TestValues(9)
    let seed = draw.normal(x.count)
    let found = delayedRowsGradient(
      tensor(seed, [30, 3]), by: delay, skipping: skipped, layout: layout)
    let error = directionalError(of: found.elements, at: x) {
      dot(naive($0, delay: delay, skipped: skipped), seed)
    }
    #expect(error < 1e-6)
  }

  @Test(arguments: [1, 3, 20], [0, 2])
  func `Fed in pieces with the rows before, it is what the whole gives`(delay: Int, skipped: Int) {
    let rows = Array(x.prefix(17 * 3))
    let expected = Naive.delayedRows(rows, by: delay, skipping: skipped, width: 3)
    for pieces in [[17], [1, 5, 11], Array(repeating: 1, count: 17)] {
      var before = Tensor(zeros: [delay, 3])
      var found: [Float] = []
      var position = 0
      for count in pieces {
        let piece = tensor(Array(rows[position * 3..<(position + count) * 3]), [count, 3])
        found +=
          delayedRows(
            piece, by: delay, skipping: skipped, layout: SequenceLayout(length: count),
            before: before, position: position
          ).elements
        before = lastRows(before, then: piece)
        position += count
      }
      #expect(found.map(Double.init) == expected)
    }
  }
}
