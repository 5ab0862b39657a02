import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct GatedLinearAttentionTests {
  /// Below and above the length of a chunk and of a vector.
  static let lengths = [1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 200]

  @Test(arguments: lengths, DecayKind.allCases)
  func `chunks equal the recurrence in outputs, denominators, final states and every gradient`(
    length: Int, kind: DecayKind
  ) {
    var fixture = GatedLinearAttentionFixture(kind, layout: SequenceLayout(length: length))
    for (isNormalized, continues) in [(true, true), (false, false)] {
      fixture.isNormalized = isNormalized
      fixture.continues = continues
      poisonBuffers()
      expectEqual(fixture.named(fixture.fast()), fixture.naive(), within: 2e-6)
      poisonBuffers()
      expectEqual(fixture.gradients(), fixture.naiveGradients(), within: 4e-6)
    }
  }

  @Test(
    arguments: [DecayKind.fixed, .head, .channel],
    DecayStrength.allCases)
  func `so they do at any decay`(kind: DecayKind, strength: DecayStrength) {
    for length in [17, 65, 500] {
      let fixture = GatedLinearAttentionFixture(
        kind, strength, layout: SequenceLayout(length: length))
      // The rounding of a decay that is the same in every step, 6e-8, is repeated by each, and where
      // it is nearly 1 nothing makes that forgotten.
      let isLossy = (strength == .none || kind == .fixed) && length > 65
      expectEqual(
        fixture.named(fixture.fast()), fixture.naive(), within: isLossy ? 1e-5 : 2e-6)
      expectEqual(fixture.gradients(), fixture.naiveGradients(), within: isLossy ? 1e-5 : 4e-6)
    }
  }

  @Test(arguments: [(1, 1), (5, 37), (37, 5), (64, 64), (128, 64), (20, 80)], DecayKind.allCases)
  func `so they do with dimensions that no vector divides, and wide ones`(
    dimensions: (Int, Int), kind: DecayKind
  ) {
    let shape = RecurrentShape(
      queryHeads: 2, keyHeads: 1, keyDim: dimensions.0, valueDim: dimensions.1)
    let fixture = GatedLinearAttentionFixture(
      kind, shape: shape, layout: RecurrentCase.packed([70, 1]))
    expectEqual(fixture.named(fixture.fast()), fixture.naive(), within: 2e-6)
    expectEqual(fixture.gradients(), fixture.naiveGradients(), within: 4e-6)
  }

  @Test(arguments: DecayKind.allCases)
  func `documents packed between padding know nothing of each other, nor of NaN in the padding`(
    kind: DecayKind
  ) {
    let layout = RecurrentCase.packed([1, 70, 16, 33, 2, 64])
    var fixture = GatedLinearAttentionFixture(kind, layout: layout)
    let expected = (fixture.naive(), fixture.naiveGradients())
    let widths = [
      "queries": fixture.shape.queryWidth, "keys": fixture.shape.keyWidth,
      "values": fixture.shape.valueWidth, "decay": kind == .fixed ? 0 : fixture.item.decayWidth,
    ]
    for (name, width) in widths {
      fixture.operands[name] = poisoned(fixture.operands[name]!, layout, width: width)
    }
    poisonBuffers()
    let found = fixture.named(fixture.fast())
    let gradients = fixture.gradients()
    expectEqual(found, expected.0, within: 2e-6)
    expectEqual(gradients, expected.1, within: 4e-6)
    for tensor in [found["numerator"]!, found["denominator"]!, gradients["queries"]!] {
      let width = tensor.shape[1]
      for rows in layout.padding {
        let padding = tensor.elements[rows.lowerBound * width..<rows.upperBound * width]
        #expect(padding.allSatisfy { $0 == 0 })
      }
    }
  }

  @Test(arguments: [1, 64, 200])
  func `every query of bidirectional attention sees the state of all keys`(length: Int) {
    var fixture = GatedLinearAttentionFixture(
      .none, layout: RecurrentCase.packed([length, 3]))
    fixture.isCausal = false
    for (isNormalized, continues) in [(true, true), (false, false)] {
      fixture.isNormalized = isNormalized
      fixture.continues = continues
      expectEqual(fixture.named(fixture.fast()), fixture.naive(), within: 2e-6)
      expectEqual(fixture.gradients(), fixture.naiveGradients(), within: 4e-6)
    }
  }

  @Test(arguments: DecayKind.allCases, [true, false])
  func `the gradients of the twin are its derivatives in random directions`(
    kind: DecayKind, isNormalized: Bool
  ) {
    let shape = RecurrentShape(
      queryHeads: 4, keyHeads: 2, valueHeads: 1, keyDim: 3, valueDim: 2, scale: 0.5)
    var fixture = GatedLinearAttentionFixture(
      kind, shape: shape, layout: RecurrentCase.packed([18, 2]))
    fixture.isNormalized = isNormalized
    var gradients = fixture.naiveGradients()
    if kind == .none || kind == .fixed { gradients["decay"] = nil }
    expectDirectionalDerivatives(gradients, at: fixture.operands, within: 1e-6, fixture.loss)
    guard kind == .none else { return }
    fixture.isCausal = false
    gradients = fixture.naiveGradients()
    gradients["decay"] = nil
    expectDirectionalDerivatives(gradients, at: fixture.operands, within: 1e-6, fixture.loss)
  }

  @Test(arguments: DecayKind.allCases)
  func `a token's output does not change when later tokens do`(kind: DecayKind) {
    let fixture = GatedLinearAttentionFixture(kind, layout: SequenceLayout(length: 100))
    var changed = fixture
    let first = 71
    for (name, width) in [
      ("queries", fixture.shape.queryWidth), ("keys", fixture.shape.keyWidth),
      ("values", fixture.shape.valueWidth),
      ("decay", kind == .fixed ? 1000 : fixture.item.decayWidth),
    ] {
      let count = changed.operands[name]!.count
      for index in min(count, first * width)..<count { changed.operands[name]![index] -= 1 }
    }
    let (before, after) = (fixture.fast().numerator.elements, changed.fast().numerator.elements)
    let start = first * fixture.shape.outputWidth
    #expect(before[..<start] == after[..<start])
    #expect(before[start] != after[start])
  }

  @Test(arguments: [DecayKind.head, .channel])
  func `a decay of minus infinity forgets everything`(kind: DecayKind) {
    var fixture = GatedLinearAttentionFixture(kind, layout: SequenceLayout(length: 20))
    let width = fixture.item.decayWidth
    for index in 18 * width..<19 * width { fixture.operands["decay"]![index] = -.infinity }
    var alone = fixture
    for index in 0..<18 * fixture.shape.valueWidth { alone.operands["values"]![index] = 0 }
    alone.operands["sums"] = alone.operands["sums"]!.map { _ in 0 }
    let start = 18 * fixture.shape.outputWidth
    #expect(
      fixture.fast().numerator.elements[start...] == alone.fast().numerator.elements[start...])
    #expect(fixture.gradients().allSatisfy { $0.value.elements.allSatisfy(\.isFinite) })
  }

  @Test(arguments: DecayKind.allCases)
  func `the same operands give the same bits`(kind: DecayKind) {
    let fixture = GatedLinearAttentionFixture(kind, layout: RecurrentCase.packed([200, 31]))
    let run = { fixture.named(fixture.fast()).merging(fixture.gradients()) { a, _ in a } }
    let (first, second) = (run(), run())
    for (name, tensor) in first { #expect(tensor.elements == second[name]!.elements) }
  }
}
