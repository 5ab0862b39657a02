import RealModule
import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct PointwiseTests {
  /// More elements than one worker's grain, and not a multiple of the vector length.
  static let counts = [1, 17, 40_003]

  @Test(arguments: PointwiseFunction.allCases)
  func `functions of a coordinate equal their definitions`(function: PointwiseFunction) {
    for count in Self.counts {
      for scale in [1e-4, 2] {
        var draw = TestValues(1)
        let x = draw.normal(count, scale: scale)
        let y = pointwise(tensor(x, [count]), function)
        #expect(relativeRMS(y.elements, Naive.pointwise(x, function)) < 3e-7)
      }
    }
  }

  @Test(arguments: PointwiseFunction.allCases)
  func `their gradients equal the numerical derivatives`(function: PointwiseFunction) {
    for count in Self.counts {
      var draw = TestValues(2)
      // The bound has no derivative: nothing may lie within a difference's step of it.
      let bound = Double.log(5)
      let x = draw.normal(count, scale: 2).map { abs($0 - bound) < 1e-4 ? $0 + 0.5 : $0 }
      let outputGradient = draw.normal(count)
      let output = pointwise(tensor(x, [count]), function)
      let found = pointwiseGradient(tensor(outputGradient, [count]), output: output, function)
      // Coordinates do not mix, so that each is differentiated alone.
      let expected = zip(x, outputGradient).map { x, gradient in
        numericalGradient(at: [x]) { Naive.pointwise($0, function)[0] * gradient }[0]
      }
      #expect(relativeRMS(found.elements, expected) < 1e-6)
    }
  }

  @Test func `functions of a coordinate far from zero are finite where their limits are`() {
    let x = Tensor([-200, -20, 200], [3])
    #expect(pointwise(x, .tanh).elements == [-1, -1, 1])
    let sigmoid = pointwise(x, .sigmoid).elements
    #expect(sigmoid[0] == 0 && abs(sigmoid[1] - 2.0611537e-9) < 1e-15 && sigmoid[2] == 1)
    let softplus = pointwise(x, .softplus).elements
    #expect(softplus[0] == 0 && abs(softplus[1] - 2.0611537e-9) < 1e-15 && softplus[2] == 200)
    let decay = pointwise(x, .boundedDecay)
    #expect(decay.elements[0] == 0 && decay.elements[1] < 0 && decay.elements[2] == -5)
    let slopes = pointwiseGradient(Tensor(repeating: 1, [3]), output: decay, .boundedDecay)
    #expect(slopes.elements == [0, decay.elements[1], 0])
    let one = Tensor(repeating: 1, [3])
    let kept = pointwiseGradient(one, output: pointwise(x, .softplus), .softplus).elements
    #expect(abs(kept[1] - 2.0611537e-9) < 1e-15 && kept[2] == 1)
  }

  @Test(arguments: [1, 17, 70])
  func `scaled channels and their gradients equal the definition`(width: Int) throws {
    var draw = TestValues(3)
    let (x, factors, bias) = (draw.normal(70 * width), draw.normal(width), draw.normal(width))
    let output = scaledChannels(
      tensor(x, [70, width]), by: tensor(factors, [width]), plus: tensor(bias, [width]))
    #expect(
      relativeRMS(output.elements, Naive.scaledChannels(x, by: factors, plus: bias)) < 2e-7)
    let outputGradient = draw.normal(70 * width)
    let found = scaledChannelsFactorGradient(
      tensor(outputGradient, [70, width]), x: tensor(x, [70, width]),
      factors: tensor(factors, [width]))
    try expectGradient(found, at: factors, within: 1e-6) {
      dot(Naive.scaledChannels(x, by: $0, plus: bias), outputGradient)
    }
  }

  @Test(arguments: [1, 8, 20, 64])
  func `heads of length 1 and their gradients equal the definition`(headDim: Int) throws {
    var draw = TestValues(4)
    let shape: Shape = [67, 2 * headDim]
    let x = draw.normal(shape.count, scale: 3)
    let output = normalizedHeads(tensor(x, shape), headDim: headDim)
    #expect(relativeRMS(output.elements, Naive.normalizedHeads(x, headDim: headDim)) < 5e-7)
    let outputGradient = draw.normal(shape.count)
    let found = normalizedHeadsGradient(
      tensor(outputGradient, shape), x: tensor(x, shape), headDim: headDim)
    // A head of one coordinate has length 1 whatever the coordinate.
    try expectGradient(found, at: x, within: 2e-6, floor: headDim == 1 ? 1e2 : 1e-6) {
      dot(Naive.normalizedHeads($0, headDim: headDim), outputGradient)
    }
  }

  @Test func `a head of zeros stays zeros, and its gradient is finite`() {
    let zeros = Tensor(zeros: [2, 6])
    #expect(normalizedHeads(zeros, headDim: 3).elements.allSatisfy { $0 == 0 })
    let gradient = normalizedHeadsGradient(
      Tensor(repeating: 1, [2, 6]), x: zeros, headDim: 3)
    #expect(gradient.elements.allSatisfy { $0.isFinite })
  }

  static let packed = SequenceLayout(
    rows: 50,
    segments: [(2, 1), (3, 17), (24, 20)].map { .init(start: $0.0, count: $0.1) })

  @Test func `the token shift equals its definition in every document, and padding stays zero`()
    throws
  {
    var draw = TestValues(5)
    let (layout, width) = (Self.packed, 5)
    let naive = { (x: [Double]) in
      var result = [Double](repeating: 0, count: x.count)
      for segment in layout.segments {
        let range = segment.start * width..<segment.rows.upperBound * width
        let found = Naive.tokenShiftDifference(Array(x[range]), width: width)
        result.replaceSubrange(range, with: found)
      }
      return result
    }
    let shape: Shape = [layout.rows, width]
    let x = draw.normal(shape.count)
    let input = tensor(poisoned(x, layout, width: width), shape)
    let found = tokenShiftDifference(input, layout: layout)
    #expect(relativeRMS(found.elements, naive(x)) < 1e-7)
    let outputGradient = draw.normal(shape.count)
    let gradient = tokenShiftDifferenceGradient(
      tensor(poisoned(outputGradient, layout, width: width), shape), layout: layout)
    try expectGradient(gradient, at: x, within: 1e-6, coordinates: 200) {
      dot(naive($0), outputGradient)
    }
  }

  @Test func `a sequence that is shifted in pieces is shifted as a whole`() {
    var draw = TestValues(6)
    let x = draw.normal(30 * 4)
    let whole = tokenShiftDifference(tensor(x, [30, 4]), layout: SequenceLayout(length: 30))
    var pieces: [Float] = []
    for range in [0..<7, 7..<8, 8..<30] {
      let before =
        range.lowerBound == 0 ? [0, 0, 0, 0] : Array(x[..<(range.lowerBound * 4)].suffix(4))
      pieces +=
        tokenShiftDifference(
          tensor(Array(x[range.lowerBound * 4..<range.upperBound * 4]), [range.count, 4]),
          layout: SequenceLayout(length: range.count), before: tensor(before, [1, 4])
        ).elements
    }
    #expect(pieces == whole.elements)
  }
}
