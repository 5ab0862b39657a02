import Foundation
import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct AttentionStatisticsTests {
  private static let shape = AttentionShape(queryHeads: 4, keyValueHeads: 2, headDim: 6)

  @Test(arguments: [nil, 5])
  func `means over all queries of several sequences are those of the definition`(window: Int?) {
    let (shape, sinks) = (Self.shape, 3)
    let layout = SequenceLayout(
      rows: 84, segments: [.init(start: 1, count: 70), .init(start: 73, count: 11)])
    var draw = TestValues(17)
    let queries = draw.normal(layout.rows * shape.queryWidth)
    let keys = draw.normal(layout.rows * shape.keyWidth)
    var statistics = AttentionStatistics(shape, sinks: sinks)
    // The same twice over: means stay.
    for _ in 0..<2 {
      statistics.add(
        queries: tensor(queries, [layout.rows, shape.queryWidth]),
        keys: tensor(keys, [layout.rows, shape.keyWidth]), layout: layout, window: window)
    }
    for (head, found) in statistics.heads.enumerated() {
      var (mass, distance, entropy, sinkMass, queryNorm, keyNorm) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
      var count = 0.0
      for segment in layout.segments {
        for query in 0..<segment.count {
          let row = { (x: [Double], token: Int, head: Int, width: Int) in
            Array(
              x[
                (segment.start + token) * width + head * 6..<(segment.start + token) * width + head
                  * 6 + 6])
          }
          let q = row(queries, query, head, shape.queryWidth)
          let visible = (window.map { max(0, query - $0 + 1) } ?? 0)...query
          let exponentials = visible.map { key in
            exp(
              zip(q, row(keys, key, head / 2, shape.keyWidth)).reduce(0) { $0 + $1.0 * $1.1 }
                * Double(shape.scale))
          }
          let total = exponentials.reduce(0, +)
          for (key, exponential) in zip(visible, exponentials) {
            let weight = exponential / total
            entropy -= weight * log(weight)
            if key < sinks {
              sinkMass += weight
            } else {
              mass += weight
              distance += weight * Double(query - key)
            }
          }
          queryNorm += q.reduce(0) { $0 + $1 * $1 }.squareRoot()
          keyNorm += row(keys, query, head / 2, shape.keyWidth)
            .reduce(0) { $0 + $1 * $1 }.squareRoot()
          count += 1
        }
      }
      for (found, expected) in [
        (found.distance!, distance / mass), (found.entropy, entropy / count),
        (found.sinkMass, sinkMass / count), (found.queryNorm, queryNorm / count),
        (found.keyNorm, keyNorm / count),
      ] {
        #expect(abs(found - expected) < 1e-5 * expected, "head \(head)")
      }
    }
  }

  @Test func `A sequence of sinks alone has no distance`() {
    var statistics = AttentionStatistics(Self.shape, sinks: 4)
    statistics.add(
      queries: Tensor(zeros: [4, 24]), keys: Tensor(zeros: [4, 12]),
      layout: SequenceLayout(length: 4))
    #expect(statistics.heads.allSatisfy { $0.distance == nil && abs($0.sinkMass - 1) < 1e-6 })
  }
}
