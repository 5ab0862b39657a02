import Operations
import TensorCore
import TestSupport
import Testing

/// What one form of gated linear attention owes to the others.
@Suite struct GatedLinearAttentionStateTests {
  /// A fixture's rows in pieces, each from the state that the one before left.
  private func feed(_ fixture: GatedLinearAttentionFixture, _ pieces: [Int]) -> (
    numerators: [Float], denominators: [Float], final: RecurrentState<Tensor>
  ) {
    var state = fixture.initial!
    var (numerators, denominators): ([Float], [Float]) = ([], [])
    var position = 0
    for count in pieces {
      let output = fixture.fast(
        rows: position..<position + count,
        layout: SequenceLayout(
          rows: count, segments: [.init(start: 0, count: count, firstPosition: position)]),
        initial: state)
      numerators += output.numerator.elements
      denominators += output.denominator?.elements ?? []
      state = output.final
      position += count
    }
    return (numerators, denominators, state)
  }

  @Test(arguments: DecayKind.allCases, [DecayStrength.rwkv6, .five, .none])
  func `a sequence fed in pieces gives the outputs and the last state of the recurrence`(
    kind: DecayKind, strength: DecayStrength
  ) {
    let fixture = GatedLinearAttentionFixture(kind, strength, layout: SequenceLayout(length: 129))
    let expected = fixture.naive()
    for pieces in [
      [129], Array(repeating: 1, count: 129), [15, 1, 1, 16, 96], [70, 3, 56], [1, 128],
    ] {
      let found = feed(fixture, pieces)
      let comment: Comment = "\(pieces.prefix(4))"
      #expect(relativeRMS(found.numerators, expected["numerator"]!) < 2e-6, comment)
      #expect(relativeRMS(found.denominators, expected["denominator"]!) < 2e-6, comment)
      #expect(relativeRMS(found.final.sums.elements, expected["finalSums"]!) < 2e-6, comment)
      #expect(
        relativeRMS(found.final.normalizer!.elements, expected["finalNormalizer"]!) < 2e-6, comment)
    }
  }

  @Test(arguments: DecayKind.allCases)
  func `pieces that end where chunks do give the bits of the whole`(kind: DecayKind) {
    let fixture = GatedLinearAttentionFixture(kind, layout: SequenceLayout(length: 200))
    let whole = fixture.fast()
    let found = feed(fixture, [64, 128, 8])
    #expect(found.numerators == whole.numerator.elements)
    #expect(found.denominators == whole.denominator!.elements)
    #expect(found.final.sums.elements == whole.final.sums.elements)
    // A piece that ends within a chunk is summed otherwise, and what follows its chunk is not.
    let cut = feed(fixture, [70, 2, 56, 72])
    let width = fixture.shape.outputWidth
    #expect(cut.numerators[..<(64 * width)] == whole.numerator.elements[..<(64 * width)])
    #expect(relativeRMS(cut.numerators, whole.numerator.elements.map(Double.init)) < 1e-6)
  }

  @Test func `a state can be continued in two ways`() {
    let fixture = GatedLinearAttentionFixture(.channel, layout: SequenceLayout(length: 60))
    let layout = {
      SequenceLayout(rows: 10, segments: [.init(start: 0, count: 10, firstPosition: $0)])
    }
    let state = fixture.fast(
      rows: 0..<20, layout: SequenceLayout(length: 20), initial: fixture.initial
    ).final
    let first = fixture.fast(rows: 20..<30, layout: layout(20), initial: state)
    _ = fixture.fast(rows: 50..<60, layout: layout(20), initial: state)
    let again = fixture.fast(rows: 20..<30, layout: layout(20), initial: state)
    #expect(first.numerator.elements == again.numerator.elements)
  }

  @Test func `a decay of nothing, of a head and of its channels alike are the same`() {
    let layout = RecurrentCase.packed([130, 5])
    let head = GatedLinearAttentionFixture(.head, layout: layout)
    let expectAlike = { (left: GatedLinearAttentionFixture, right: GatedLinearAttentionFixture) in
      let expected = right.named(right.fast()).merging(right.gradients()) { a, _ in a }
      var found = left.named(left.fast()).merging(left.gradients()) { a, _ in a }
      found["decay"] = nil
      expectEqual(found, expected.mapValues { $0.elements.map(Double.init) }, within: 2e-6)
    }
    var channel = GatedLinearAttentionFixture(.channel, layout: layout)
    var fixed = GatedLinearAttentionFixture(.fixed, layout: layout)
    var constant = head
    let (heads, f) = (head.shape.queryHeads, head.shape.keyDim)
    let decays = head.operands["decay"]!
    channel.operands = head.operands
    channel.operands["decay"] = decays.flatMap { [Double](repeating: $0, count: f) }
    expectAlike(head, channel)
    // The gradient of a head's decay is the sum of its channels'.
    let gradients = channel.gradients()["decay"]!.elements
    let sums = decays.indices.map { index in
      gradients[index * f..<(index + 1) * f].reduce(0.0) { $0 + Double($1) }
    }
    #expect(relativeRMS(head.gradients()["decay"]!.elements, sums) < 4e-6)

    fixed.operands = head.operands
    fixed.operands["decay"] = Array(decays[..<heads])
    constant.operands["decay"] = decays.indices.map { decays[$0 % heads] }
    expectAlike(fixed, constant)

    var none = GatedLinearAttentionFixture(.none, layout: layout)
    none.operands = head.operands
    constant.operands["decay"] = decays.map { _ in 0 }
    fixed.operands["decay"] = [Double](repeating: 0, count: heads)
    expectAlike(none, constant)
    expectAlike(none, fixed)
    channel.operands["decay"] = channel.operands["decay"]!.map { _ in 0 }
    expectAlike(none, channel)
  }

  @Test(arguments: DecayKind.allCases)
  func `denominators are what a column of ones among the values gives`(kind: DecayKind) {
    let layout = SequenceLayout(length: 130)
    var fixture = GatedLinearAttentionFixture(kind, layout: layout)
    fixture.continues = false
    let shape = fixture.shape
    let (d, wide) = (shape.valueDim, shape.valueDim + 1)
    var widened = GatedLinearAttentionFixture(
      kind,
      shape: RecurrentShape(
        queryHeads: shape.queryHeads, keyHeads: shape.keyHeads, valueHeads: shape.valueHeads,
        keyDim: shape.keyDim, valueDim: wide, scale: shape.scale), layout: layout)
    widened.continues = false
    let values = fixture.operands["values"]!
    for name in ["queries", "keys", "decay"] { widened.operands[name] = fixture.operands[name]! }
    widened.operands["values"] = stride(from: 0, to: values.count, by: d).flatMap {
      values[$0..<$0 + d] + [1]
    }
    let (found, expected) = (fixture.fast(), widened.fast().numerator.elements)
    let ones = stride(from: d, to: expected.count, by: wide).map { Double(expected[$0]) }
    #expect(relativeRMS(found.denominator!.elements, ones) < 2e-6)
  }

  @Test
  func `branches over disjoint keys join by their numerators and denominators to one over all`() {
    let fixture = GatedLinearAttentionFixture(.none, layout: SequenceLayout(length: 200))
    let width = fixture.shape.keyWidth
    let branch = { (keeps: (Int) -> Bool, state: Double) in
      var part = fixture
      for row in 0..<200 where !keeps(row) {
        for column in 0..<width { part.operands["keys"]![row * width + column] = 0 }
      }
      for name in ["sums", "normalizer"] {
        part.operands[name] = fixture.operands[name]!.map { state * $0 }
      }
      return part.fast()
    }
    let (left, right) = (branch({ $0 % 3 == 0 }, 1), branch({ $0 % 3 != 0 }, 0))
    let whole = fixture.naive()
    let numerators = zip(left.numerator.elements, right.numerator.elements).map(+)
    let denominators = zip(left.denominator!.elements, right.denominator!.elements).map(+)
    #expect(relativeRMS(numerators, whole["numerator"]!) < 2e-6)
    #expect(relativeRMS(denominators, whole["denominator"]!) < 2e-6)
  }
}
