import Operations
import Results
import TensorCore
import TestSupport
import Testing

@testable import Evaluation

@Suite struct EmbeddingMeasurementTests {
  private func embeddings(_ texts: Int, seed: UInt64) -> Tensor {
    var draw = TestValues(seed)
    return normalizedRows(Tensor(draw.normal(texts * 6).map(Float.init), [texts, 6]))
  }

  private func cosine(_ x: Tensor, _ i: Int, _ y: Tensor, _ j: Int) -> Double {
    (0..<6).reduce(0) { $0 + Double(x.elements[i * 6 + $1]) * Double(y.elements[j * 6 + $1]) }
  }

  @Test func `Cosines and the rank correlation of similarities follow their definitions`() throws {
    let (student, teacher) = (embeddings(9, seed: 1), embeddings(9, seed: 2))
    let result = EmbeddingMeasurement.result(
      student: student, teacher: teacher, textHash: "h", seconds: 2)
    let cosines = (0..<9).map { cosine(student, $0, teacher, $0) }
    let mean = cosines.reduce(0, +) / 9
    let metric = try #require(result.metric("cosine"))
    #expect(abs(metric.value - mean) < 1e-6 && metric.higherIsBetter)
    let squares = cosines.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    #expect(abs(try #require(metric.standardError) - (squares / 8 / 9).squareRoot()) < 1e-6)
    let pairs = (0..<9).flatMap { i in (i + 1..<9).map { (i, $0) } }
    let similarities = [student, teacher].map { x in pairs.map { cosine(x, $0.0, x, $0.1) } }
    // No two similarities are equal, so that a rank is a count.
    let ranks = similarities.map { values in
      values.map { value in Double(values.count { $0 < value }) }
    }
    let middle = Double(pairs.count - 1) / 2
    let sums = zip(ranks[0], ranks[1]).reduce((0.0, 0.0, 0.0)) { sums, pair in
      let (x, y) = (pair.0 - middle, pair.1 - middle)
      return (sums.0 + x * y, sums.1 + x * x, sums.2 + y * y)
    }
    let expected = sums.0 / (sums.1 * sums.2).squareRoot()
    #expect(abs(try #require(result.metric("rank_correlation")).value - expected) < 1e-9)
    #expect(result.samples == 9 && result.samplesHash == "h" && result.seconds == 2)
  }

  @Test func `Equal embeddings score 1, and one text has no similarities to rank`() throws {
    let teacher = embeddings(5, seed: 3)
    let result = EmbeddingMeasurement.result(
      student: teacher, teacher: teacher, textHash: nil, seconds: 0)
    #expect(abs(try #require(result.metric("cosine")).value - 1) < 1e-6)
    #expect(result.metric("rank_correlation")?.value == 1)
    let one = embeddings(1, seed: 4)
    let single = EmbeddingMeasurement.result(
      student: one, teacher: one, textHash: nil, seconds: 0)
    #expect(single.metrics.map(\.name) == ["cosine"])
    #expect(single.metrics[0].standardError == nil)
  }

  @Test func `A student that is lost has a cosine of NaN and no correlation`() {
    let teacher = embeddings(3, seed: 5)
    let result = EmbeddingMeasurement.result(
      student: Tensor(repeating: .nan, [3, 6]), teacher: teacher, textHash: nil, seconds: 0)
    #expect(result.metrics.count == 1 && result.metrics[0].value.isNaN)
  }
}
