import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct DeltaRuleTests {
  static let lengths = [1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 200]

  private func expectTwin(_ fixture: DeltaRuleFixture, within tolerance: Double = 2e-6) {
    let expected = fixture.naive()
    poisonBuffers()
    expectEqual(fixture.named(fixture.fast().output), expected, within: tolerance)
    poisonBuffers()
    expectEqual(fixture.gradients(), expected, within: tolerance)
  }

  @Test(arguments: lengths, DecayKind.allCases)
  func `chunks equal the recurrence in outputs, final states and every gradient`(
    length: Int, kind: DecayKind
  ) {
    let layout = SequenceLayout(length: length)
    var fixture = DeltaRuleFixture(kind, layout: layout)
    expectTwin(fixture)
    fixture.continues = false
    expectTwin(fixture)
    expectTwin(DeltaRuleFixture(kind, layout: layout, sharesRemovals: false))
  }

  @Test(
    arguments: [DecayKind.fixed, .head, .channel],
    DecayStrength.allCases)
  func `so they do at any decay`(kind: DecayKind, strength: DecayStrength) {
    for length in [17, 65, 500] {
      expectTwin(DeltaRuleFixture(kind, strength, layout: SequenceLayout(length: length)))
    }
  }

  @Test(arguments: [(1, 1), (5, 37), (37, 5), (64, 64), (128, 64), (20, 80)], DecayKind.allCases)
  func `so they do with dimensions that no vector divides, and wide ones`(
    dimensions: (Int, Int), kind: DecayKind
  ) {
    let shape = RecurrentShape(
      queryHeads: 2, keyHeads: 1, keyDim: dimensions.0, valueDim: dimensions.1)
    expectTwin(
      DeltaRuleFixture(kind, shape: shape, layout: RecurrentCase.packed([65, 18, 1])))
  }

  @Test(arguments: DecayKind.allCases)
  func `the twin's gradients are its derivatives in random directions`(kind: DecayKind) {
    let shape = RecurrentShape(
      queryHeads: 4, keyHeads: 2, valueHeads: 1, keyDim: 3, valueDim: 2, scale: 0.5)
    let fixture = DeltaRuleFixture(kind, shape: shape, layout: RecurrentCase.packed([9, 2]))
    var gradients = fixture.naive().filter { fixture.operands[$0.key] != nil }
    if kind == .none || kind == .fixed { gradients["decay"] = nil }
    expectDirectionalDerivatives(gradients, at: fixture.operands, within: 1e-6, fixture.loss)
  }

  @Test(arguments: [1, 17, 130])
  func `decays down to minus infinity give neither NaN nor infinity`(length: Int) {
    for kind in [DecayKind.fixed, .head, .channel] {
      for logDecay: Double in [0, -1e-30, -5, -20, -100, -1e30, -.infinity] {
        var fixture = DeltaRuleFixture(kind, .none, layout: SequenceLayout(length: length))
        fixture.operands["decay"] = fixture.operands["decay"]!.map { _ in logDecay }
        let tensors = fixture.gradients().merging(fixture.named(fixture.fast().output)) { a, _ in a
        }
        for (name, tensor) in tensors {
          let isFinite = tensor.elements.allSatisfy { $0.isFinite }
          #expect(isFinite, "\(name) at \(logDecay) of a \(kind)")
        }
      }
    }
  }

  @Test(arguments: DecayKind.allCases)
  func `documents packed into one sequence are as each alone, and padding is never read`(
    kind: DecayKind
  ) {
    var fixture = DeltaRuleFixture(kind, layout: RecurrentCase.packed([1, 70, 16, 33, 2]))
    let expected = fixture.naive()
    for (name, width) in fixture.widths {
      fixture.operands[name] = poisoned(fixture.operands[name]!, fixture.layout, width: width)
    }
    let output = fixture.fast().output
    let gradients = fixture.gradients()
    expectEqual(fixture.named(output), expected, within: 2e-6)
    expectEqual(gradients, expected, within: 2e-6)
    let rowed = gradients.filter { fixture.widths[$0.key] != nil }.values + [output.numerator]
    for tensor in rowed {
      let width = tensor.shape[1]
      for rows in fixture.layout.padding {
        let padding = tensor.elements[rows.lowerBound * width..<rows.upperBound * width]
        #expect(padding.allSatisfy { $0 == 0 })
      }
    }
    fixture.continues = false
    let together = fixture.fast().output.numerator.elements
    for segment in fixture.layout.segments {
      let alone = fixture.fast(
        rows: segment.rows, layout: SequenceLayout(length: segment.count)
      ).output.numerator
      let width = fixture.shape.outputWidth
      #expect(
        Array(together[segment.start * width..<segment.rows.upperBound * width])
          == alone.elements)
    }
  }

  @Test(arguments: DecayKind.allCases)
  func `a token's output does not change when later tokens do`(kind: DecayKind) {
    let fixture = DeltaRuleFixture(kind, layout: SequenceLayout(length: 70))
    var changed = fixture
    for (name, width) in fixture.widths {
      for index in 69 * width..<70 * width { changed.operands[name]![index] -= 0.5 }
    }
    let before = fixture.fast().output.numerator.elements
    let after = changed.fast().output.numerator.elements
    let start = 69 * fixture.shape.outputWidth
    #expect(before[..<start] == after[..<start])
    #expect(before[start...] != after[start...])
  }

  @Test(arguments: DecayKind.allCases)
  func `the same operands give the same bits`(kind: DecayKind) {
    let fixture = DeltaRuleFixture(kind, layout: RecurrentCase.packed([200, 31]))
    let run = {
      fixture.gradients().merging(fixture.named(fixture.fast().output)) { a, _ in a }
    }
    let (first, second) = (run(), run())
    for (name, tensor) in first { #expect(tensor.elements == second[name]!.elements) }
  }
}
