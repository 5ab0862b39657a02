import Differentiation
import Foundation
import Operations
import TensorCore
import Testing
import Transformers

@testable import Evaluation

@Suite struct LogLikelihoodScorerTests {
  /// `Σ log softmax(logits)[next]` over the continuation, in Double from one pass over all.
  private func naive(_ decoder: Decoder, _ request: LogLikelihoodRequest) -> LogLikelihood {
    let tokens = request.context + request.continuation.dropLast()
    let hidden = decoder.hiddenStates(
      tokens, layout: SequenceLayout(length: tokens.count), on: Tape(isRecording: false))
    let logits = decoder.logits(hidden.value).elements.map(Double.init)
    let size = decoder.configuration.vocabularySize
    var result = LogLikelihood(sum: 0, isGreedy: true)
    for (offset, target) in request.continuation.enumerated() {
      let row = request.context.count - 1 + offset
      let line = Array(logits[row * size..<(row + 1) * size])
      let maximum = line.max()!
      let total = line.reduce(0) { $0 + exp($1 - maximum) }
      result.sum += line[Int(target)] - maximum - log(total)
      if line.firstIndex(of: maximum)! != Int(target) { result.isGreedy = false }
    }
    return result
  }

  /// Two contexts with several continuations each, one of them twice, and single ones; more rows
  /// than a pass holds when repeated.
  private func requests() -> [LogLikelihoodRequest] {
    (0..<12).flatMap { index -> [LogLikelihoodRequest] in
      let seed = UInt64(10 + index)
      let context = randomTokens(1 + index * 4 % 37, seed: seed)
      return (0..<(1 + index % 4)).map {
        LogLikelihoodRequest(
          context: context, continuation: randomTokens(1 + ($0 * 5 + index) % 9, seed: seed + 40))
      }
    } + [LogLikelihoodRequest(context: randomTokens(5, seed: 14), continuation: [3])]
  }

  @Test func `Sums are those of each request read alone, in the order of the requests`() throws {
    let decoder = try tinyDecoder()
    let requests = requests()
    let scored = LogLikelihoodScorer(decoder).score(requests)
    #expect(scored.count == requests.count)
    for (request, result) in zip(requests, scored) {
      let expected = naive(decoder, request)
      #expect(abs(result.sum - expected.sum) < 1e-4)
      #expect(result.isGreedy == expected.isGreedy)
    }
  }

  @Test func `The most probable continuation is found greedy, and another is not`() throws {
    let decoder = try tinyDecoder()
    let context = randomTokens(9, seed: 3)
    var continuation: [Int32] = []
    for _ in 0..<4 {
      let tokens = context + continuation
      let hidden = decoder.hiddenStates(
        tokens, layout: SequenceLayout(length: tokens.count), on: Tape(isRecording: false))
      let logits = decoder.logits(hidden.value).elements.suffix(40)
      continuation.append(Int32(logits.firstIndex(of: logits.max()!)! - logits.startIndex))
    }
    var other = continuation
    other[2] = (other[2] + 1) % 40
    let scored = LogLikelihoodScorer(decoder).score([
      .init(context: context, continuation: continuation),
      .init(context: context, continuation: other),
    ])
    #expect(scored.map(\.isGreedy) == [true, false])
    #expect(scored[0].sum > scored[1].sum)
  }

  @Test func `Progress counts requests and the rows that were read`() throws {
    let context = randomTokens(20, seed: 1)
    let requests = [Int32](0..<3).map {
      LogLikelihoodRequest(context: context, continuation: [$0, 1, 2])
    }
    var calls: [(Int, Int)] = []
    _ = LogLikelihoodScorer(try tinyDecoder()).score(requests) { calls.append(($0, $1)) }
    #expect(calls.count == 1 && calls[0] == (3, 20 + 3 * 2))
  }

  @Test func `What progress throws ends the scoring`() throws {
    struct Stop: Error {}
    let scorer = LogLikelihoodScorer(try tinyDecoder())
    #expect(throws: Stop.self) {
      try scorer.score([.init(context: [1], continuation: [2])]) { _, _ in throw Stop() }
    }
  }
}
