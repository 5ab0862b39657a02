import Operations
import TensorCore
import TestSupport
import Testing

@testable import Differentiation

@Suite struct DeltaRuleGradientTests {
  private static let shape = DeltaRuleShape(heads: 2, headDim: 4, scale: 0.5)
  private static let layout = SequenceLayout(
    rows: 26, segments: [.init(start: 1, count: 5), .init(start: 6, count: 19)])
  private static let names = [
    "receptances", "logDecays", "keys", "values", "removals", "writes",
  ]

  private func naive(_ v: Values) -> [Double] {
    let width = Self.shape.width
    var output = [Double](repeating: 0, count: Self.layout.rows * width)
    for segment in Self.layout.segments {
      for head in 0..<2 {
        let x = { (name: String) in
          slice(
            Array(v[name]![segment.start * width..<segment.rows.upperBound * width]), width: 4,
            heads: 2, head: head)
        }
        let found = Naive.deltaRule(
          NaiveDeltaRule(
            receptances: x("receptances"), logDecays: x("logDecays"), keys: x("keys"),
            values: x("values"), removals: x("removals"), writes: x("writes")),
          headDim: 4, scale: 0.5
        ).output
        for (index, value) in found.enumerated() {
          output[(segment.start + index / 4) * width + head * 4 + index % 4] = value
        }
      }
    }
    return output
  }

  @Test("a delta rule on the tape has the gradients of its naive twin, of each operand alone too")
  func gradients() throws {
    let shape: Shape = [Self.layout.rows, Self.shape.width]
    var draw = TestValues(9)
    var values = Dictionary(
      uniqueKeysWithValues: Self.names.map { ($0, draw.normal(shape.count, scale: 0.5)) })
    values["logDecays"] = values["logDecays"]!.map { -abs($0) }
    let outputGradient = draw.normal(shape.count)
    for wanted in [Self.names] + Self.names.map({ [$0] }) {
      let tape = Tape()
      let x = Dictionary(
        uniqueKeysWithValues: Self.names.map {
          let value = tensor(values[$0]!, shape)
          return ($0, wanted.contains($0) ? tape.leaf(value) : tape.constant(value))
        })
      let output = tape.deltaRule(
        receptances: x["receptances"]!, logDecays: x["logDecays"]!, keys: x["keys"]!,
        values: x["values"]!, removals: x["removals"]!, writes: x["writes"]!, shape: Self.shape,
        layout: Self.layout)
      #expect(relativeRMS(output.value.elements, naive(values)) < 2e-6)
      tape.backward(from: [(output, tensor(outputGradient, shape))])
      #expect(x.allSatisfy { wanted.contains($0.key) == ($0.value.gradient != nil) })
      let found = Dictionary(uniqueKeysWithValues: wanted.map { ($0, x[$0]!.gradient) })
      try expectGradients(found, at: values, within: 1e-5) { dot(naive($0), outputGradient) }
    }
  }
}
