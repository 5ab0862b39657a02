import Operations
import TensorCore
import TestSupport
import Testing

@testable import Differentiation

/// A sequence in pieces with the states between them on the tape.
@Suite struct RecurrentPieceGradientTests {
  private static let shape = RecurrentShape(
    queryHeads: 4, keyHeads: 2, keyDim: 3, valueDim: 5, scale: 0.5)
  private static let pieces = [20, 1, 29]

  /// Gradients of the operands of one recurrence over 50 tokens, in pieces or whole.
  private func gradients(
    _ pieces: [Int],
    _ recurrence: (Tape, [String: Variable], SequenceLayout, RecurrentState<Variable>) ->
      RecurrentOutput<Variable>
  ) -> [String: Tensor] {
    let tape = Tape()
    let widths = [
      "queries": 12, "keys": 6, "values": 20, "removals": 6, "writes": 6, "head": 4, "channel": 12,
    ]
    var draw = TestValues(41)
    var leaves: [String: [Variable]] = [:]
    for (name, width) in widths.sorted(by: { $0.key < $1.key }) {
      var rows = draw.normal(50 * width, scale: 0.5)
      if name == "head" || name == "channel" { rows = rows.map { -abs($0) } }
      var start = 0
      for count in pieces {
        let part = Array(rows[start * width..<(start + count) * width])
        leaves[name, default: []].append(tape.leaf(tensor(part, [count, width])))
        start += count
      }
    }
    let (numerator, denominator) = (draw.normal(50 * 20), draw.normal(50 * 4))
    let sums = tape.leaf(tensor(draw.normal(60), [1, 4, 3, 5]))
    let normalizer = tape.leaf(tensor(draw.normal(12), [1, 4, 3]))
    var state = RecurrentState(sums: sums, normalizer: Optional(normalizer))
    var seeds: [(variable: Variable, gradient: Tensor)] = []
    var position = 0
    for (index, count) in pieces.enumerated() {
      let rows = position..<position + count
      let output = recurrence(
        tape, leaves.mapValues { $0[index] },
        SequenceLayout(
          rows: count, segments: [.init(start: 0, count: count, firstPosition: position)]), state)
      state = output.final
      seeds.append(
        (
          output.numerator,
          tensor(Array(numerator[rows.lowerBound * 20..<rows.upperBound * 20]), [count, 20])
        ))
      if let variable = output.denominator {
        seeds.append(
          (
            variable,
            tensor(Array(denominator[rows.lowerBound * 4..<rows.upperBound * 4]), [count, 4])
          ))
      }
      position += count
    }
    tape.backward(from: seeds)
    var found = leaves.compactMapValues { pieces -> Tensor? in
      let gradients = pieces.compactMap(\.gradient)
      if gradients.isEmpty { return nil }
      return Tensor(gradients.flatMap(\.elements), [50, gradients[0].shape[1]])
    }
    found["sums"] = sums.gradient
    found["normalizer"] = normalizer.gradient
    return found
  }

  private func expectAlike(
    _ names: Set<String>,
    _ recurrence: (Tape, [String: Variable], SequenceLayout, RecurrentState<Variable>) ->
      RecurrentOutput<Variable>
  ) {
    let whole = gradients([50], recurrence)
    #expect(Set(whole.keys) == names)
    for (name, found) in gradients(Self.pieces, recurrence) {
      #expect(
        relativeRMS(found.elements, whole[name]!.elements.map(Double.init)) < 2e-6, "\(name)")
    }
  }

  @Test func `Gradients pass through the state between two pieces of gated linear attention`() {
    let common: Set = ["queries", "keys", "values", "sums", "normalizer"]
    for (kind, names): (String, Set<String>) in [
      ("none", common), ("head", common.union(["head"])), ("channel", common.union(["channel"])),
    ] {
      expectAlike(names) { tape, x, layout, state in
        tape.gatedLinearAttention(
          queries: x["queries"]!, keys: x["keys"]!, values: x["values"]!,
          decay: kind == "none"
            ? .none : kind == "head" ? .head(x["head"]!) : .channel(x["channel"]!),
          shape: Self.shape, layout: layout, initial: state, isNormalized: true)
      }
    }
  }

  @Test func `Gradients pass through the state between two pieces of a delta rule`() {
    let common: Set = ["queries", "keys", "values", "removals", "writes", "sums"]
    for (isPerHead, names) in [(true, common.union(["head"])), (false, common.union(["channel"]))] {
      expectAlike(names) { tape, x, layout, state in
        tape.deltaRule(
          queries: x["queries"]!, keys: x["keys"]!, values: x["values"]!,
          removals: x["removals"]!, writes: x["writes"]!,
          decay: isPerHead ? .head(x["head"]!) : .channel(x["channel"]!), shape: Self.shape,
          layout: layout, initial: RecurrentState(sums: state.sums))
      }
    }
  }

  @Test func `A loss that reads the final state alone has gradients too`() {
    let tape = Tape()
    var draw = TestValues(3)
    let x = [12, 6, 20].map { tape.leaf(tensor(draw.normal(40 * $0), [40, $0])) }
    let output = tape.gatedLinearAttention(
      queries: x[0], keys: x[1], values: x[2], decay: .none, shape: Self.shape,
      layout: SequenceLayout(length: 40), isNormalized: true)
    tape.backward(from: [(output.final.normalizer!, tensor(draw.normal(12), [1, 4, 3]))])
    #expect(x[0].gradient!.elements.allSatisfy { $0 == 0 })
    #expect(x[1].gradient!.elements.contains { $0 != 0 })
    #expect(x[2].gradient!.elements.allSatisfy { $0 == 0 })
  }

  @Test
  func `without decay the quotient of numerators and denominators is that of linear attention`() {
    let attention = AttentionShape(queryHeads: 4, keyValueHeads: 2, headDim: 5)
    let shape = RecurrentShape(queryHeads: 4, valueHeads: 2, keyDim: 3, valueDim: 5)
    let layout = SequenceLayout(
      rows: 90, segments: [.init(start: 0, count: 70), .init(start: 72, count: 18)])
    let gradients = { (branch: (Tape, [Variable]) -> BranchVariables) -> [Tensor] in
      var draw = TestValues(5)
      let tape = Tape()
      let x = [(12, true), (12, true), (10, false)].map { width, isPositive in
        let rows = draw.normal(90 * width)
        return tape.leaf(tensor(isPositive ? rows.map { abs($0) } : rows, [90, width]))
      }
      let output = tape.withoutPadding(
        tape.branchQuotient(branch(tape, x)), layout: layout)
      tape.backward(from: [(output, tensor(draw.normal(90 * 20), [90, 20]))])
      return [output.value] + x.map { $0.gradient! }
    }
    let expected = gradients { tape, x in
      tape.featureBranch(
        queryFeatures: x[0], keyFeatures: x[1], values: x[2], attention: attention, keys: .all,
        layout: layout)
    }
    let found = gradients { tape, x in
      tape.branch(
        tape.gatedLinearAttention(
          queries: x[0], keys: x[1], values: x[2], decay: .none, shape: shape, layout: layout,
          isNormalized: true))
    }
    for (found, expected) in zip(found, expected) {
      #expect(relativeRMS(found.elements, expected.elements.map(Double.init)) < 2e-6)
    }
  }
}
