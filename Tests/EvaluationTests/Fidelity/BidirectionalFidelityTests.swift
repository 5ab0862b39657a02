import Differentiation
import Documents
import Foundation
import Students
import TensorCore
import TestSupport
import Testing

@testable import Evaluation
@testable import Operations

/// An encoder's attention: rows have all keys, on both sides of the query.
@Suite struct BidirectionalFidelityTests {
  private static let shape = AttentionShape(
    queryHeads: 2, keyValueHeads: 1, headDim: 4, isCausal: false)
  private static let length = 11

  @Test func `Heads of an encoder are compared over every key`() throws {
    var draw = TestValues(31)
    let (queries, keys, values) = (draw.normal(88), draw.normal(44), draw.normal(44))
    let tape = Tape(isRecording: false)
    let constant = { (x: [Double]) in
      tape.constant(Tensor(x.map(Float.init), [Self.length, x.count / Self.length]))
    }
    let input = MixerInput(
      queries: constant(queries), keys: constant(keys), values: constant(values),
      layout: SequenceLayout(length: Self.length))
    let teacher = SoftmaxAttentionMixer(shape: Self.shape)
    let student = try DocumentReader.read(
      ["mixer": "linear", "featureMap": ["kind": "one-plus-elu", "projection": "none"]],
      StudentSpecification.init
    ).mixer.makeMixer(LayerGeometry(layer: 0, attention: Self.shape, hiddenSize: 8), seed: 1)
    var sums = [AttentionHeadSums(), AttentionHeadSums()]
    HeadComparison(
      teacher: (teacher, input, teacher.forward(input, on: tape).value),
      student: (student, input, student.forward(input, on: tape).value), shape: Self.shape
    ).add(to: &sums)

    for head in 0..<2 {
      let rows = (0..<Self.length).map { query in
        let q = (0..<4).map { queries[query * 8 + head * 4 + $0] }
        let k = (0..<Self.length).map { key in Array(keys[key * 4..<key * 4 + 4]) }
        let products = k.map { zip(q, $0).reduce(0) { $0 + $1.0 * $1.1 } }
        return NaiveRow.row(
          teacher: products.map { exp($0 / 2) },
          student: k.map { key in
            zip(q, key).reduce(0) { $0 + Self.onePlusELU($1.0) * Self.onePlusELU($1.1) }
          }, products: products, query: query)
      }
      let mean = { (number: (AttentionRow) -> Double) in
        rows.reduce(0) { $0 + number($1) } / Double(Self.length)
      }
      let found = sums[head].head
      for (name, value, expected) in [
        ("divergence", found.divergence, mean(\.divergence)),
        ("teacherEntropy", found.teacherEntropy, mean(\.teacherEntropy)),
        ("studentEntropy", found.studentEntropy, mean(\.studentEntropy)),
        ("teacherReach", found.teacherReach, mean(\.teacherReach)),
        ("studentReach", found.studentReach, mean(\.studentReach)),
        ("monotonicity", found.monotonicity, mean { $0.monotonicity! }),
      ] {
        #expect(abs(value - expected) < 1e-5, "\(name) of head \(head): \(value), \(expected)")
      }
    }
  }

  private static func onePlusELU(_ x: Double) -> Double { x > 0 ? 1 + x : exp(x) }
}
