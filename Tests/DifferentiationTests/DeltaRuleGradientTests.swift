import Operations
import TensorCore
import TestSupport
import Testing

@testable import Differentiation

@Suite struct DeltaRuleGradientTests {
  private static let shape = RecurrentShape(queryHeads: 2, keyDim: 4, valueDim: 3, scale: 0.5)
  private static let layout = SequenceLayout(
    rows: 26, segments: [.init(start: 1, count: 5), .init(start: 6, count: 19)])
  private static let shapes: [String: Shape] = [
    "queries": [26, 8], "logDecays": [26, 8], "keys": [26, 8], "values": [26, 6],
    "removals": [26, 8], "writes": [26, 8], "initial": [2, 2, 4, 3],
  ]

  /// Outputs, then the final states.
  private func naive(_ v: Values) -> [Double] {
    var output = [Double](repeating: 0, count: 26 * 6)
    var states: [Double] = []
    for (index, segment) in Self.layout.segments.enumerated() {
      for head in 0..<2 {
        let x = { (name: String, dim: Int) in
          slice(
            Array(v[name]![segment.start * 2 * dim..<segment.rows.upperBound * 2 * dim]),
            width: dim, heads: 2, head: head)
        }
        let found = Naive.deltaRule(
          NaiveDeltaRule(
            queries: x("queries", 4), logDecays: x("logDecays", 4), keys: x("keys", 4),
            values: x("values", 3), removals: x("removals", 4), writes: x("writes", 4),
            initial: Array(v["initial"]![(index * 2 + head) * 12..<(index * 2 + head + 1) * 12])),
          keyDim: 4, valueDim: 3, scale: 0.5)
        for (index, value) in found.output.enumerated() {
          output[(segment.start + index / 3) * 6 + head * 3 + index % 3] = value
        }
        states += found.states.suffix(12)
      }
    }
    return output + states
  }

  @Test
  func `A delta rule on the tape has the gradients of its naive twin, of each operand alone too`()
    throws
  {
    var draw = TestValues(9)
    var values: Values = [:]
    for (name, shape) in Self.shapes.sorted(by: { $0.key < $1.key }) {
      values[name] = draw.normal(shape.count, scale: 0.5)
    }
    values["logDecays"] = values["logDecays"]!.map { -abs($0) }
    let upstream = draw.normal(26 * 6 + 48)
    let names = Self.shapes.keys.sorted()
    for wanted in [names] + names.map({ [$0] }) {
      let tape = Tape()
      let x = Dictionary(
        uniqueKeysWithValues: names.map {
          let value = tensor(values[$0]!, Self.shapes[$0]!)
          return ($0, wanted.contains($0) ? tape.leaf(value) : tape.constant(value))
        })
      let output = tape.deltaRule(
        queries: x["queries"]!, keys: x["keys"]!, values: x["values"]!,
        removals: x["removals"]!, writes: x["writes"]!, decay: .channel(x["logDecays"]!),
        shape: Self.shape, layout: Self.layout, initial: RecurrentState(sums: x["initial"]!))
      let found = output.numerator.value.elements + output.final.sums.value.elements
      #expect(relativeRMS(found, naive(values)) < 2e-6)
      tape.backward(from: [
        (output.numerator, tensor(Array(upstream[..<(26 * 6)]), [26, 6])),
        (output.final.sums, tensor(Array(upstream[(26 * 6)...]), [2, 2, 4, 3])),
      ])
      #expect(x.allSatisfy { wanted.contains($0.key) == ($0.value.gradient != nil) })
      let gradients = Dictionary(uniqueKeysWithValues: wanted.map { ($0, x[$0]!.gradient) })
      try expectGradients(gradients, at: values, within: 1e-5) { dot(naive($0), upstream) }
    }
  }
}
