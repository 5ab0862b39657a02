import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct ShortConvolutionTests {
  private static let width = 5
  private let layout = SequenceLayout(
    rows: 190,
    segments: [
      .init(start: 2, count: 1), .init(start: 3, count: 3), .init(start: 9, count: 65),
      .init(start: 80, count: 100),
    ])
  private let x: [Double]

  init() {
    var draw = TestValues(8)
    x = draw.normal(190 * Self.width)
  }

  private func weight(_ taps: Int) -> [Double] {
    var draw = TestValues(9)
    return draw.normal(Self.width * taps)
  }

  private func naive(_ x: [Double], _ weight: [Double]) -> [Double] {
    var result = [Double](repeating: 0, count: x.count)
    for segment in layout.segments {
      let range = segment.start * Self.width..<segment.rows.upperBound * Self.width
      result.replaceSubrange(
        range, with: Naive.shortConvolution(Array(x[range]), weight: weight, width: Self.width))
    }
    return result
  }

  @Test(arguments: [1, 2, 4])
  func `every channel is summed over its last tokens, within their segment`(taps: Int) {
    let found = shortConvolution(
      tensor(poisoned(x, layout, width: Self.width), [190, Self.width]),
      weight: tensor(weight(taps), [Self.width, 1, taps]), layout: layout)
    #expect(relativeRMS(found.elements, naive(x, weight(taps))) < 1e-6)
    for rows in layout.padding {
      let padded = found.elements[rows.lowerBound * Self.width..<rows.upperBound * Self.width]
      #expect(padded.allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: [1, 2, 4])
  func `the gradients are those of the definition`(taps: Int) throws {
    var draw = TestValues(10)
    let upstream = draw.normal(x.count)
    let found = shortConvolutionGradients(
      tensor(upstream, [190, Self.width]), x: tensor(x, [190, Self.width]),
      weight: tensor(weight(taps), [Self.width, 1, taps]), layout: layout, weightGradient: true)
    try expectGradient(found.input, at: x, within: 1e-6, coordinates: 60) {
      dot(naive($0, weight(taps)), upstream)
    }
    try expectGradient(found.weight, at: weight(taps), within: 1e-6) {
      dot(naive(x, $0), upstream)
    }
    #expect(found.weight?.shape == [Self.width, 1, taps])
    for rows in layout.padding {
      let padded = found.input.elements[rows.lowerBound * Self.width..<rows.upperBound * Self.width]
      #expect(padded.allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: [1, 2, 4])
  func `in pieces with the rows before, it is what the whole gives`(taps: Int) {
    let rows = Array(x.prefix(17 * Self.width))
    let weights = weight(taps)
    let expected = Naive.shortConvolution(rows, weight: weights, width: Self.width)
    for pieces in [[17], [1, 2, 14], Array(repeating: 1, count: 17)] {
      var before = Tensor(zeros: [taps - 1, Self.width])
      var found: [Float] = []
      var position = 0
      for count in pieces {
        let piece = tensor(
          Array(rows[position * Self.width..<(position + count) * Self.width]), [count, Self.width])
        found +=
          shortConvolution(
            piece, weight: tensor(weights, [Self.width, 1, taps]),
            layout: SequenceLayout(length: count), before: before
          ).elements
        before = lastRows(before, then: piece)
        position += count
      }
      #expect(relativeRMS(found, expected) < 1e-6)
    }
  }
}
