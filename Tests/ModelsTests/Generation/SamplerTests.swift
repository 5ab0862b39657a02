import Foundation
import Operations
import Testing

@testable import Models

/// Kept sets and probabilities as transformers' logits warpers and softmax give them.
@Suite struct SamplerTests {
  private let logits: [Float] = [1, 3, 2, 3, -1, 0.5]

  @Test func `The greedy token is the first of the largest`() {
    #expect(GreedySampler().sample(logits, step: 0) == 1)
  }

  @Test(arguments: [
    (1, [1, 3]), (2, [1, 3]), (3, [1, 2, 3]), (4, [0, 1, 2, 3]),
    (9, [0, 1, 2, 3, 4, 5]),
  ])
  func `Top-k keeps what is as probable as the last`(count: Int, ids: [Int]) {
    var candidates = TokenCandidates(logits: logits)
    TopKFilter(count).apply(to: &candidates)
    #expect(candidates.ids.map(Int.init) == ids)
  }

  /// Probabilities from the top: 0.384, 0.384, 0.141, 0.052, 0.032, 0.007.
  @Test(arguments: [
    (0.01, [1]), (0.38, [1]), (0.4, [1, 3]), (0.76, [1, 3]), (0.9, [1, 2, 3]),
    (0.95, [0, 1, 2, 3]), (0.98, [0, 1, 2, 3, 5]), (1.0, [0, 1, 2, 3, 4, 5]),
  ])
  func `Top-p keeps the smallest set that reaches the mass`(mass: Double, ids: [Int]) {
    var candidates = TokenCandidates(logits: logits)
    TopPFilter(mass).apply(to: &candidates)
    #expect(candidates.ids.map(Int.init) == ids)
  }

  @Test func `A temperature divides the logits`() {
    var candidates = TokenCandidates(logits: logits)
    TemperatureFilter(0.5).apply(to: &candidates)
    #expect(candidates.logits == [2, 6, 4, 6, -2, 1])
  }

  @Test func `Draws follow the probabilities after the filters`() throws {
    let sampler = try SamplingOptions(temperature: 2, topK: 4, topP: 0.95, seed: 5).sampler
    var counts = [Int32: Int]()
    let draws = 20_000
    for step in 0..<draws { counts[sampler.sample(logits, step: step), default: 0] += 1 }
    // softmax([1.5, 1.5, 1, 0.5]): all four are needed for 0.95.
    let weights = [0: exp(0.5), 1: exp(1.5), 2: exp(1.0), 3: exp(1.5)]
    let total = weights.values.reduce(0, +)
    #expect(Set(counts.keys) == [0, 1, 2, 3])
    for (id, weight) in weights {
      let expected = weight / total
      let deviation = (expected * (1 - expected) / Double(draws)).squareRoot()
      let found = Double(counts[Int32(id)] ?? 0) / Double(draws)
      #expect(abs(found - expected) < 4 * deviation, "\(id): \(found) for \(expected)")
    }
  }

  @Test func `A draw is a function of seed and step`() throws {
    let first = try SamplingOptions(temperature: 1, seed: 1).sampler
    let again = try SamplingOptions(temperature: 1, seed: 1).sampler
    let other = try SamplingOptions(temperature: 1, seed: 2).sampler
    let draws = (0..<64).map { first.sample(logits, step: $0) }
    #expect(draws.reversed() == (0..<64).reversed().map { again.sample(logits, step: $0) })
    #expect(draws != (0..<64).map { other.sample(logits, step: $0) })
  }

  @Test func `Options that mean nothing are refused`() {
    #expect(
      throws: GenerationError.options("the temperature is -1.0, expected 0 or more")
    ) { try SamplingOptions(temperature: -1) }
    #expect(throws: GenerationError.options("top-k is 0, expected at least 1 token")) {
      try SamplingOptions(temperature: 1, topK: 0)
    }
    #expect(
      throws: GenerationError.options("top-p is 1.5, expected more than 0 and at most 1")
    ) { try SamplingOptions(temperature: 1, topP: 1.5) }
    #expect(throws: GenerationError.self) { try SamplingOptions(topP: 0.5) }
  }
}
