import Differentiation
import Foundation
import Operations
import TensorCore
import Testing
import Transformers

@testable import Evaluation

@Suite struct PerplexityTests {
  /// `−log softmax(logits)[next]` of every token but the last, in Double from all logits at once.
  private func naiveLosses(_ decoder: Decoder, _ tokens: [Int32]) -> [Double] {
    let hidden = decoder.hiddenStates(
      tokens, layout: SequenceLayout(length: tokens.count), on: Tape(isRecording: false))
    let logits = decoder.logits(hidden.value).elements.map(Double.init)
    let size = decoder.configuration.vocabularySize
    return (0..<tokens.count - 1).map { row in
      let line = logits[row * size..<(row + 1) * size]
      let maximum = line.max()!
      let total = line.reduce(0) { $0 + exp($1 - maximum) }
      return log(total) + maximum - line[line.startIndex + Int(tokens[row + 1])]
    }
  }

  @Test func `Losses are those of the full logits, the first token of a window not scored`() throws
  {
    let decoder = try tinyDecoder()
    let tokens = randomTokens(50, seed: 2)
    let windows = EvaluationSequence.windows(tokens, length: 12)
    let result = PerplexityMeasurement(decoder, clock: { 0 }).run(windows)
    #expect(windows.count == 4)
    var all: [Double] = []
    for (index, window) in result.windows.enumerated() {
      let expected = naiveLosses(decoder, Array(tokens[index * 12..<(index + 1) * 12]))
      #expect(window.scoredTokens == 11)
      #expect(abs(window.lossSum - expected.reduce(0, +)) < 1e-4)
      all += expected
    }
    let mean = all.reduce(0, +) / Double(all.count)
    #expect(abs(result.meanLoss - mean) < 1e-6 * mean)
    #expect(abs(result.perplexity - exp(mean)) < 1e-5 * exp(mean))
    #expect(result.scoredTokens == 44)
    #expect(result.tokens == 48)
  }

  @Test func `A correct token is one with the largest logit`() throws {
    let decoder = try tinyDecoder()
    let tokens = randomTokens(30, seed: 3)
    let hidden = decoder.hiddenStates(
      tokens, layout: SequenceLayout(length: 30), on: Tape(isRecording: false))
    let logits = decoder.logits(hidden.value).elements
    var targets = (0..<30).map { row -> Int32 in
      let line = Array(logits[row * 40..<(row + 1) * 40])
      return Int32(line.firstIndex(of: line.max()!)!)
    }
    for row in 20..<30 { targets[row] = (targets[row] + 1) % 40 }
    let result = PerplexityMeasurement(decoder, clock: { 0 }).run([
      EvaluationSequence(tokens: tokens, targets: targets, layout: SequenceLayout(length: 30))
    ])
    #expect(result.windows[0].correctTokens == 20)
    #expect(abs(result.accuracy - 20.0 / 30) < 1e-12)
  }

  @Test func `Documents packed into one sequence are scored as if each stood alone`() throws {
    let decoder = try tinyDecoder()
    let first = randomTokens(9, seed: 4)
    let second = randomTokens(14, seed: 5)
    var targets = Array(first.dropFirst())
    targets.append(ignoredTarget)
    targets += second.dropFirst()
    targets += [ignoredTarget, ignoredTarget, ignoredTarget]
    let packed = EvaluationSequence(
      tokens: first + second + [0, 0], targets: targets,
      layout: SequenceLayout(
        rows: 25, segments: [.init(start: 0, count: 9), .init(start: 9, count: 14)]))
    let together = PerplexityMeasurement(decoder, clock: { 0 }).run([packed])
    let apart = PerplexityMeasurement(decoder, clock: { 0 }).run([
      EvaluationSequence(tokens: first), EvaluationSequence(tokens: second),
    ])
    #expect(together.scoredTokens == 8 + 13)
    #expect(abs(together.meanLoss - apart.meanLoss) < 1e-5)
  }

  @Test func `Short sequences that share a pass get the losses they get alone`() throws {
    let decoder = try tinyDecoder()
    // 60 times 20 rows make a pass of 1,020 and one of 180.
    let windows = EvaluationSequence.windows(randomTokens(1200, seed: 6), length: 20)
    var passes: [Int] = []
    let together = PerplexityMeasurement(decoder, clock: { 0 }).run(windows) {
      passes.append($0.windows.count)
    }
    #expect(passes == [51, 60])
    for (index, window) in windows.enumerated() where index % 17 == 0 {
      let alone = PerplexityMeasurement(decoder, clock: { 0 }).run([window])
      #expect(abs(alone.meanLoss - together.windows[index].meanLoss) < 1e-5)
    }
  }

  @Test func `Only the passes are timed, by the clock that was given`() throws {
    let decoder = try tinyDecoder()
    var time = 0.0
    let measurement = PerplexityMeasurement(decoder) {
      time += 2
      return time
    }
    let result = measurement.run(EvaluationSequence.windows(randomTokens(64, seed: 7), length: 32))
    #expect(result.seconds == 2)
    #expect(result.tokensPerSecond == 32)
  }

  @Test func `What the progress throws ends the measurement`() throws {
    struct Stop: Error {}
    let decoder = try tinyDecoder()
    let windows = EvaluationSequence.windows(randomTokens(64, seed: 8), length: 32)
    #expect(throws: Stop.self) {
      try PerplexityMeasurement(decoder, clock: { 0 }).run(windows) { _ in throw Stop() }
    }
  }
}

@Suite struct EvaluationSequenceTests {
  @Test(arguments: [(100, 33, nil as Int?, 3), (99, 33, nil, 3), (98, 33, nil, 2), (100, 33, 2, 2)])
  func `Windows do not overlap, and a remainder is left out`(
    tokens: Int, length: Int, maximum: Int?, count: Int
  ) {
    let ids = (0..<Int32(tokens)).map { $0 }
    let windows = EvaluationSequence.windows(ids, length: length, maximum: maximum)
    #expect(windows.count == count)
    #expect(windows.flatMap(\.tokens) == Array(ids.prefix(count * length)))
    #expect(windows.allSatisfy { $0.scoredTokens == length - 1 })
  }

  @Test func `A sequence alone predicts every token but the first`() {
    let sequence = EvaluationSequence(tokens: [5, 6, 7])
    #expect(sequence.targets == [6, 7, ignoredTarget])
    #expect(sequence.layout == SequenceLayout(length: 3))
  }
}
