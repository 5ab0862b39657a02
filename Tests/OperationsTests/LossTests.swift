import RealModule
import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct LinearCrossEntropyTests {
  /// 300 tokens of which a fifth is ignored: 240 counted ones fill one tile and part of another.
  private struct Fixture {
    static let (width, vocabulary) = (9, 53)
    var x, head: [Double]
    let targets: [Int32]
    let transform: TransformCase

    init(tokens: Int, scale: Double = 1, transform: TransformCase = TransformCase()) {
      self.transform = transform
      var draw = TestValues(1)
      x = draw.normal(tokens * Self.width, scale: scale)
      head = draw.normal(Self.vocabulary * Self.width)
      targets = (0..<tokens).map {
        $0 % 5 == 2 ? ignoredTarget : Int32($0 * 17 % Self.vocabulary)
      }
    }

    func fast(gradientScale: Float?) -> (losses: [Float], isArgmax: [Bool], gradient: Tensor?) {
      linearCrossEntropy(
        tensor(x, [targets.count, Self.width]),
        head: OperationsTests.head(head, [Self.vocabulary, Self.width], transform.value),
        targets: targets, gradientScale: gradientScale)
    }

    func naive(_ x: [Double], head: [Double]? = nil) -> [Double] {
      Naive.linearCrossEntropy(
        x, head: head ?? self.head, width: Self.width, targets: targets, scale: transform.scale,
        cap: transform.cap)
    }
  }

  @Test(arguments: [1, 5, 127, 300, 700])
  func `losses equal the definition, and are 0 where ignored`(tokens: Int) {
    let fixture = Fixture(tokens: tokens)
    let (losses, _, gradient) = fixture.fast(gradientScale: nil)
    #expect(relativeRMS(losses, fixture.naive(fixture.x)) < 1e-6)
    #expect(zip(losses, fixture.targets).allSatisfy { $1 != ignoredTarget || $0 == 0 })
    #expect(gradient == nil)
  }

  @Test func `logits in the hundreds neither overflow nor vanish`() {
    let fixture = Fixture(tokens: 40, scale: 100)
    #expect(relativeRMS(fixture.fast(gradientScale: nil).losses, fixture.naive(fixture.x)) < 1e-6)
  }

  @Test(
    arguments: [5, 300],
    TransformCase.all)
  func `the gradient is that of the sum of the losses times the scale`(
    tokens: Int, transform: TransformCase
  ) throws {
    let fixture = Fixture(tokens: tokens, transform: transform)
    let (losses, _, gradient) = fixture.fast(gradientScale: -1.5)
    #expect(relativeRMS(losses, fixture.naive(fixture.x)) < 1e-6)
    #expect(losses == fixture.fast(gradientScale: nil).losses)
    try expectGradient(gradient, at: fixture.x, within: 3e-6, coordinates: 30) {
      -1.5 * fixture.naive($0).reduce(0, +)
    }
    let elements = try #require(gradient).elements
    for (token, target) in fixture.targets.enumerated() where target == ignoredTarget {
      let row = elements[token * Fixture.width..<(token + 1) * Fixture.width]
      #expect(row.allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: [5, 300], TransformCase.all)
  func
    `a trained head gets the gradient of the sum of the losses, the tokens those of a frozen one`(
      tokens: Int, transform: TransformCase
    ) throws
  {
    let fixture = Fixture(tokens: tokens, transform: transform)
    let (losses, gradient, headGradient) = linearCrossEntropyGradients(
      tensor(fixture.x, [tokens, Fixture.width]),
      head: tensor(fixture.head, [Fixture.vocabulary, Fixture.width]),
      transform: transform.value, targets: fixture.targets, gradientScale: -1.5)
    let frozen = fixture.fast(gradientScale: -1.5)
    #expect(losses == frozen.losses)
    let expected = try #require(frozen.gradient).elements.map(Double.init)
    #expect(relativeRMS(gradient.elements, expected) < 1e-6)
    try expectGradient(headGradient, at: fixture.head, within: 3e-6, coordinates: 40) { head in
      -1.5 * fixture.naive(fixture.x, head: head).reduce(0, +)
    }
  }

  @Test func `a target counts as the largest logit exactly where it is`() {
    var fixture = Fixture(tokens: 300)
    // Every seventh token points along its target's row of the head.
    for token in stride(from: 0, to: 300, by: 7) where fixture.targets[token] != ignoredTarget {
      let row = Int(fixture.targets[token])
      for column in 0..<Fixture.width {
        fixture.x[token * Fixture.width + column] = 3 * fixture.head[row * Fixture.width + column]
      }
    }
    let expected = fixture.targets.enumerated().map { token, target in
      guard target != ignoredTarget else { return false }
      let logits = (0..<Fixture.vocabulary).map { row in
        (0..<Fixture.width).reduce(0) {
          $0 + fixture.x[token * Fixture.width + $1] * fixture.head[row * Fixture.width + $1]
        }
      }
      return logits[Int(target)] == logits.max()!
    }
    #expect(expected.count { $0 } > 10)
    #expect(expected.count { !$0 } > 200)
    #expect(fixture.fast(gradientScale: nil).isArgmax == expected)
  }

  @Test func `without a single counted target there is no loss and no gradient`() {
    let (losses, isArgmax, gradient) = linearCrossEntropy(
      Tensor(repeating: 1, [3, 2]), head: head([1, 2, 3, 4], [2, 2]),
      targets: [ignoredTarget, ignoredTarget, ignoredTarget], gradientScale: 1)
    #expect(losses == [0, 0, 0])
    #expect(isArgmax == [false, false, false])
    #expect(gradient?.elements == [0, 0, 0, 0, 0, 0])
  }
}

@Suite struct MeanSquaredErrorTests {
  /// Segments that straddle the blocks of 64 rows, and padding on every side.
  private static let layout = SequenceLayout(
    rows: 280, segments: [.init(start: 3, count: 65), .init(start: 70, count: 200)])
  private static let width = 7

  private func naive(_ prediction: [Double], _ target: [Double]) -> Double {
    var total = 0.0
    for segment in Self.layout.segments {
      for index in segment.start * Self.width..<segment.rows.upperBound * Self.width {
        total += (prediction[index] - target[index]) * (prediction[index] - target[index])
      }
    }
    return total / Double((65 + 200) * Self.width)
  }

  @Test func `the value and the gradient equal the definition, and padding is left out`() throws {
    let (layout, width) = (Self.layout, Self.width)
    let shape: Shape = [layout.rows, width]
    var draw = TestValues(2)
    let prediction = draw.normal(layout.rows * width)
    let target = draw.normal(layout.rows * width)
    let (value, gradient) = meanSquaredError(
      tensor(poisoned(prediction, layout, width: width), shape),
      tensor(poisoned(target, layout, width: width), shape), layout: layout, weight: 2.5)
    #expect(relativeRMS([Float(value)], [naive(prediction, target)]) < 5e-7)
    try expectGradient(gradient, at: prediction, within: 1e-6, coordinates: 100) {
      2.5 * naive($0, target)
    }
    let elements = gradient.elements
    for rows in layout.padding {
      #expect(
        elements[rows.lowerBound * width..<rows.upperBound * width].allSatisfy { $0 == 0 })
    }
  }

  @Test func `equal tensors have the error 0, and a layout without rows has it too`() {
    var draw = TestValues(3)
    let x = tensor(draw.normal(10 * 3), [10, 3])
    let (value, gradient) = meanSquaredError(
      x, x, layout: SequenceLayout(length: 10), weight: 1)
    #expect(value == 0)
    #expect(gradient.elements.allSatisfy { abs($0) < 1e-7 })
    let empty = meanSquaredError(
      x, scaled(x, by: 2), layout: SequenceLayout(rows: 10, segments: []), weight: 1)
    #expect(empty.value == 0)
    #expect(empty.gradient.elements.allSatisfy { $0 == 0 })
  }
}
