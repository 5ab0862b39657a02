import TensorCore
import TestSupport
import Testing

@testable import Operations

@Suite struct EmbeddingDistanceTests {
  /// Two rows of padding, one row, one more of padding, 65 rows, 7 rows, three of padding.
  private static let layout = SequenceLayout(
    rows: 79,
    segments: [
      .init(start: 2, count: 1), .init(start: 4, count: 65), .init(start: 69, count: 7),
    ])

  @Test(arguments: SegmentPooling.allCases)
  func `a segment's row is what the definition makes of its rows, padding not among them`(
    pooling: SegmentPooling
  ) throws {
    var draw = TestValues(1)
    let layout = Self.layout
    let x = draw.normal(79 * 5)
    let pooled = pooledSegments(
      tensor(poisoned(x, layout, width: 5), [79, 5]), layout: layout, pooling)
    #expect(pooled.shape == [3, 5])
    #expect(
      relativeRMS(
        pooled.elements, Naive.pooledSegments(x, width: 5, layout: layout, pooling)) < 1e-6)
    let upstream = draw.normal(15)
    let gradient = pooledSegmentsGradient(tensor(upstream, [3, 5]), layout: layout, pooling)
    try expectGradient(gradient, at: x, within: 1e-6, coordinates: 79 * 5) {
      dot(Naive.pooledSegments($0, width: 5, layout: layout, pooling), upstream)
    }
  }

  @Test(arguments: [1, 2, 9], [0, 0.7])
  func `the distance of embeddings and its gradient are those of the definition`(
    count: Int, similarityWeight: Double
  ) throws {
    var draw = TestValues(UInt64(count))
    let student = draw.normal(count * 33, scale: 3)
    let teacher = draw.normal(count * 33)
    let (distance, gradient) = embeddingDistance(
      tensor(student, [count, 33]), tensor(teacher, [count, 33]),
      weights: EmbeddingDistanceWeights(
        cosine: 2.5, similarities: similarityWeight == 0 ? nil : 2.5 * Float(similarityWeight)))
    let value = distance.cosine + similarityWeight * distance.similarities
    let naive = {
      Naive.embeddingDistance($0, teacher, width: 33, similarityWeight: similarityWeight)
    }
    #expect(relativeRMS([Float(value)], [naive(student)]) < 1e-6)
    try expectGradient(gradient, at: student, within: 1e-5, coordinates: 99) { 2.5 * naive($0) }
  }

  @Test func `an embedding that points as its teacher's does costs nothing, whatever its length`() {
    var draw = TestValues(4)
    let teacher = tensor(draw.normal(4 * 16), [4, 16])
    let (distance, gradient) = embeddingDistance(
      scaled(teacher, by: 7), teacher,
      weights: EmbeddingDistanceWeights(cosine: 1, similarities: 1))
    #expect(abs(distance.cosine) < 1e-6 && abs(distance.similarities) < 1e-6)
    #expect(gradient.elements.allSatisfy { abs($0) < 1e-7 })
    let norms = normalizedRows(teacher).elements
    #expect(abs(dot(norms[..<16].map(Double.init), norms[..<16].map(Double.init)) - 1) < 1e-6)
  }
}
