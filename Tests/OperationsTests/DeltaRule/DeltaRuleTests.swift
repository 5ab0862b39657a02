import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct DeltaRuleTests {
  static let lengths = [1, 15, 16, 17, 63, 64, 65, 500]

  @Test(
    "chunks equal the recurrence in outputs, final states and every gradient, at any decay",
    arguments: lengths, DecayStrength.allCases)
  func chunks(length: Int, strength: DecayStrength) {
    let fixture = DeltaRuleFixture([length], strength)
    let expected = fixture.naive()
    let (output, saved) = fixture.fast()
    #expect(relativeRMS(output.elements, expected.output) < 2e-6)
    #expect(relativeRMS(saved.finalStates.elements, expected.finalStates) < 2e-6)
    for (index, gradient) in fixture.gradients().enumerated() {
      let error = relativeRMS(gradient.elements, expected.gradients[index])
      #expect(error < 2e-6, DeltaRuleFixture.operands[index].name)
    }
  }

  @Test(
    "heads of 64 dimensions, and of a number that no vector divides", arguments: [1, 5, 37, 64])
  func headDims(headDim: Int) {
    let fixture = DeltaRuleFixture([65, 18], .rwkv7, headDim: headDim)
    let expected = fixture.naive()
    #expect(relativeRMS(fixture.fast().output.elements, expected.output) < 2e-6)
    for (index, gradient) in fixture.gradients().enumerated() {
      let error = relativeRMS(gradient.elements, expected.gradients[index])
      #expect(error < 2e-6, DeltaRuleFixture.operands[index].name)
    }
  }

  @Test("the twin's gradients are its numerical derivatives", arguments: [DecayStrength.rwkv7])
  func twin(strength: DecayStrength) {
    let fixture = DeltaRuleFixture([7], strength, headDim: 3)
    let expected = fixture.naive().gradients
    for (index, (name, path)) in DeltaRuleFixture.operands.enumerated() {
      let numerical = numericalGradient(at: fixture[keyPath: path]) { point in
        var moved = fixture
        moved[keyPath: path] = point
        return dot(moved.naive().output, fixture.upstream)
      }
      #expect(relativeRMS(expected[index].map(Float.init), numerical) < 1e-6, name)
    }
  }

  @Test("decays down to minus infinity give neither NaN nor infinity", arguments: [1, 17, 130])
  func finite(length: Int) {
    for logDecay: Double in [0, -1e-30, -5, -20, -100, -1e30, -.infinity] {
      var fixture = DeltaRuleFixture([length], .none)
      fixture.logDecays = fixture.logDecays.map { _ in logDecay }
      let tensors = [fixture.fast().output, fixture.fast().saved.finalStates] + fixture.gradients()
      #expect(tensors.allSatisfy { $0.elements.allSatisfy(\.isFinite) }, "\(logDecay)")
    }
  }

  @Test("documents packed into one sequence are as each alone, and padding is never read")
  func packed() {
    let counts = [1, 70, 16, 33, 2]
    var fixture = DeltaRuleFixture(counts, .rwkv7)
    let expected = fixture.naive()
    for (_, path) in DeltaRuleFixture.operands {
      fixture[keyPath: path] = poisoned(
        fixture[keyPath: path], fixture.layout, width: fixture.shape.width)
    }
    let (output, saved) = fixture.fast()
    #expect(relativeRMS(output.elements, expected.output) < 2e-6)
    #expect(relativeRMS(saved.finalStates.elements, expected.finalStates) < 2e-6)
    let gradients = fixture.gradients()
    for (index, gradient) in gradients.enumerated() {
      #expect(relativeRMS(gradient.elements, expected.gradients[index]) < 2e-6)
    }
    for rows in fixture.layout.padding {
      let columns = rows.lowerBound * fixture.shape.width..<rows.upperBound * fixture.shape.width
      for found in [output] + gradients {
        #expect(found.elements[columns].allSatisfy { $0 == 0 })
      }
    }
    for segment in fixture.layout.segments {
      let operand = { (path: KeyPath<DeltaRuleFixture, [Double]>) in
        fixture.rows(fixture[keyPath: path], segment.rows)
      }
      let alone = deltaRule(
        receptances: operand(\.receptances), logDecays: operand(\.logDecays),
        keys: operand(\.keys), values: operand(\.values), removals: operand(\.removals),
        writes: operand(\.writes), shape: fixture.shape,
        layout: SequenceLayout(length: segment.count)
      ).output
      let width = fixture.shape.width
      #expect(
        Array(output.elements[segment.start * width..<segment.rows.upperBound * width])
          == alone.elements)
    }
  }

  @Test("a token's output does not change when later tokens do")
  func causality() {
    let fixture = DeltaRuleFixture([70], .rwkv7)
    let width = fixture.shape.width
    let last = fixture.layout.segments[0].rows.upperBound - 1
    var changed = fixture
    for (_, path) in DeltaRuleFixture.operands {
      for column in 0..<width { changed[keyPath: path][last * width + column] -= 0.5 }
    }
    let (before, after) = (fixture.fast().output.elements, changed.fast().output.elements)
    #expect(before[..<(last * width)] == after[..<(last * width)])
    #expect(before[(last * width)...] != after[(last * width)...])
  }

  @Test("the same operands give the same bits")
  func bits() {
    let fixture = DeltaRuleFixture([200, 31], .rwkv7, headDim: 64)
    let first = [fixture.fast().output] + fixture.gradients()
    let second = [fixture.fast().output] + fixture.gradients()
    for (first, second) in zip(first, second) { #expect(first.elements == second.elements) }
  }
}
