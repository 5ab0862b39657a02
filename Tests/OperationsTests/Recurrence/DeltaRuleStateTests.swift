import TensorCore
import TestSupport
import Testing

@testable import Operations

/// What one form of the delta rule owes to the others.
@Suite struct DeltaRuleStateTests {
  /// A fixture's rows in pieces, each from the state that the one before left.
  private func feed(_ fixture: DeltaRuleFixture, _ pieces: [Int]) -> (
    outputs: [Float], final: Tensor
  ) {
    var state = fixture.initial!
    var outputs: [Float] = []
    var position = 0
    for count in pieces {
      let (output, _) = fixture.fast(
        rows: position..<position + count,
        layout: SequenceLayout(
          rows: count, segments: [.init(start: 0, count: count, firstPosition: position)]),
        initial: state)
      outputs += output.numerator.elements
      state = output.final
      position += count
    }
    return (outputs, state.sums)
  }

  @Test(arguments: DecayKind.allCases, DecayStrength.allCases)
  func `a sequence fed in pieces gives the outputs and the last state of the recurrence`(
    kind: DecayKind, strength: DecayStrength
  ) {
    let fixture = DeltaRuleFixture(kind, strength, layout: SequenceLayout(length: 129))
    let expected = fixture.naive(gradients: false)
    for pieces in [
      [129], Array(repeating: 1, count: 129), [15, 1, 1, 16, 96], [70, 3, 56], [1, 128],
    ] {
      let found = feed(fixture, pieces)
      #expect(relativeRMS(found.outputs, expected["output"]!) < 2e-6, "\(pieces.prefix(4))")
      #expect(relativeRMS(found.final.elements, expected["final"]!) < 2e-6, "\(pieces.prefix(4))")
    }
  }

  @Test(arguments: DecayKind.allCases)
  func `pieces that end where chunks do give the bits of the whole`(kind: DecayKind) {
    let fixture = DeltaRuleFixture(kind, layout: SequenceLayout(length: 200))
    let whole = fixture.fast().output
    let found = feed(fixture, [64, 128, 8])
    #expect(found.outputs == whole.numerator.elements)
    #expect(found.final.elements == whole.final.sums.elements)
  }

  @Test func `a decay of nothing, of a head and of its channels alike are the same`() {
    let layout = RecurrentCase.packed([130, 5])
    let head = DeltaRuleFixture(.head, layout: layout)
    let expectAlike = { (left: DeltaRuleFixture, right: DeltaRuleFixture) in
      let expected = right.named(right.fast().output).merging(right.gradients()) { a, _ in a }
      var found = left.named(left.fast().output).merging(left.gradients()) { a, _ in a }
      found["decay"] = nil
      expectEqual(found, expected.mapValues { $0.elements.map(Double.init) }, within: 2e-6)
    }
    var channel = DeltaRuleFixture(.channel, layout: layout)
    var fixed = DeltaRuleFixture(.fixed, layout: layout)
    var constant = head
    let (heads, f) = (head.shape.queryHeads, head.shape.keyDim)
    let decays = head.operands["decay"]!
    channel.operands = head.operands
    channel.operands["decay"] = decays.flatMap { [Double](repeating: $0, count: f) }
    expectAlike(head, channel)
    let gradients = channel.gradients()["decay"]!.elements
    let sums = decays.indices.map { index in
      gradients[index * f..<(index + 1) * f].reduce(0.0) { $0 + Double($1) }
    }
    #expect(relativeRMS(head.gradients()["decay"]!.elements, sums) < 4e-6)

    fixed.operands = head.operands
    fixed.operands["decay"] = Array(decays[..<heads])
    constant.operands["decay"] = decays.indices.map { decays[$0 % heads] }
    expectAlike(fixed, constant)

    var none = DeltaRuleFixture(.none, layout: layout)
    none.operands = head.operands
    constant.operands["decay"] = decays.map { _ in 0 }
    expectAlike(none, constant)
  }

  @Test(arguments: DecayKind.allCases)
  func `without writes of what was read it is gated linear attention`(kind: DecayKind) {
    var fixture = DeltaRuleFixture(kind, layout: RecurrentCase.packed([130, 5]))
    fixture.operands["writes"] = fixture.operands["writes"]!.map { _ in 0 }
    let expected = gatedLinearAttention(
      queries: fixture.part("queries"), keys: fixture.part("keys"), values: fixture.part("values"),
      decay: fixture.item.decay(fixture.operands["decay"]!), shape: fixture.shape,
      layout: fixture.layout, initial: fixture.initial)
    let found = fixture.fast().output
    #expect(
      relativeRMS(found.numerator.elements, expected.numerator.elements.map(Double.init)) < 2e-6)
    #expect(
      relativeRMS(found.final.sums.elements, expected.final.sums.elements.map(Double.init)) < 2e-6)
  }
}
