import Differentiation
import Operations
import Results
import Testing
import Transformers

@testable import Evaluation

@Suite struct RecallMeasurementTests {
  /// Sequences of the tiny decoder whose targets are its own guesses, but for the places in
  /// `missed`.
  private func sequence(_ decoder: Decoder, seed: UInt64, scored: [Int], missed: [Int]) throws
    -> EvaluationSequence
  {
    let tokens = randomTokens(20, seed: seed)
    let layout = SequenceLayout(length: 20)
    let logits = decoder.logits(
      decoder.hiddenStates(tokens, layout: layout, on: Tape(isRecording: false)).value
    ).elements
    var targets = [Int32](repeating: ignoredTarget, count: 20)
    for place in scored {
      let line = Array(logits[place * 40..<(place + 1) * 40])
      let guess = Int32(try #require(line.firstIndex(of: line.max()!)))
      targets[place] = missed.contains(place) ? (guess + 1) % 40 : guess
    }
    return EvaluationSequence(tokens: tokens, targets: targets, layout: layout)
  }

  @Test func `Associative queries count one by one, a passkey only whole`() throws {
    let decoder = try tinyDecoder()
    let sequences = [
      try sequence(decoder, seed: 1, scored: [3, 5, 9], missed: []),
      try sequence(decoder, seed: 2, scored: [3, 5, 9, 12], missed: [9]),
      try sequence(decoder, seed: 3, scored: [19], missed: [19]),
      try sequence(decoder, seed: 4, scored: [7, 8], missed: []),
    ]
    let tasks = [RecallTask.Kind.associative, .passkey].map {
      RecallTask(kind: $0, length: 20, sequences: sequences)
    }
    let results = RecallMeasurement(decoder, clock: { 0 }).run(tasks)
    let loss = PerplexityMeasurement(decoder, clock: { 0 }).run(sequences).meanLoss
    #expect(
      results == [
        RecallResult(kind: "mqar", length: 20, queries: 10, correct: 8, meanLoss: loss),
        RecallResult(kind: "passkey", length: 20, queries: 4, correct: 2, meanLoss: loss),
      ])
    #expect(loss.isFinite && loss > 0)
  }

  @Test func `The digits of passkeys count one by one, each behind the true ones`() throws {
    let decoder = try tinyDecoder()
    let sequences = [
      try sequence(decoder, seed: 1, scored: [3, 4, 5], missed: [3]),
      try sequence(decoder, seed: 2, scored: [3, 4, 5], missed: [5]),
    ]
    // A target at place 3 is the token at 4, with which the answer begins, and the digits after it.
    let task = RecallTask(
      kind: .passkey, length: 20, sequences: sequences, answerStarts: [5, 5])
    let results = RecallMeasurement(decoder, clock: { 0 }).run([task])
    #expect(results.map(\.kind) == ["passkey", "passkeyDigits"])
    #expect(results.map(\.queries) == [2, 4])
    #expect(results.map(\.correct) == [0, 3])
    let digits = sequences.map {
      var targets = $0.targets
      targets[3] = ignoredTarget
      return EvaluationSequence(tokens: $0.tokens, targets: targets, layout: $0.layout)
    }
    let loss = PerplexityMeasurement(decoder, clock: { 0 }).run(digits).meanLoss
    #expect(abs(results[1].meanLoss - loss) < 1e-12)
  }

  @Test func `Progress counts sequences over all tasks, and what it throws ends the measurement`()
    throws
  {
    struct Stop: Error {}
    let decoder = try tinyDecoder()
    // 51 sequences of 20 tokens fill a pass.
    let sequences = (0..<60).map { EvaluationSequence(tokens: randomTokens(20, seed: $0)) }
    let tasks = [60, 3].map {
      RecallTask(kind: .passkey, length: 20, sequences: Array(sequences[..<$0]))
    }
    let measurement = RecallMeasurement(decoder, clock: { 0 })
    var calls: [[Int]] = []
    _ = measurement.run(tasks) { calls.append([$0, $1]) }
    #expect(calls == [[51, 63], [60, 63], [63, 63]])
    #expect(throws: Stop.self) { try measurement.run(tasks) { _, _ in throw Stop() } }
  }
}
