import Results
import Transformers

/// How much of what stood in the context a decoder can name again, greedily.
public struct RecallMeasurement {
  private let perplexity: PerplexityMeasurement

  /// - Parameter clock: seconds, never going back.
  public init(_ decoder: Decoder, clock: @escaping () -> Double) {
    perplexity = PerplexityMeasurement(decoder, clock: clock)
  }

  /// Measures all tasks, see `run(_:progress:)`.
  public func run(_ tasks: [RecallTask]) -> [RecallResult] { run(tasks) { _, _ in } }

  /// - Parameter progress: called after every pass with the sequences done and all of them, over
  ///   all tasks; what it throws ends the measurement.
  /// - Returns: one a task, in their order, and behind one of passkeys that of their digits.
  /// - Precondition: ids are below the vocabulary size, sequences within learned positions.
  public func run(
    _ tasks: [RecallTask], progress: (_ done: Int, _ of: Int) throws -> Void
  ) rethrows -> [RecallResult] {
    let total = tasks.reduce(0) { $0 + $1.sequences.count }
    var done = 0
    var results: [RecallResult] = []
    for task in tasks {
      var digits = Digits(task)
      let result = try perplexity.run(
        task.sequences, scored: { digits.add($0) },
        progress: { try progress(done + $0.windows.count, total) })
      done += task.sequences.count
      results.append(
        RecallResult(
          kind: task.kind.rawValue, length: task.length, queries: task.queries,
          correct: Self.correct(task.kind, result.windows), meanLoss: result.meanLoss))
      if let result = digits.result { results.append(result) }
    }
    return results
  }

  private static func correct(_ kind: RecallTask.Kind, _ windows: [PerplexityResult.Window]) -> Int
  {
    switch kind {
    case .associative: windows.reduce(0) { $0 + $1.correctTokens }
    case .passkey: windows.count { $0.correctTokens == $0.scoredTokens }
    }
  }
}

/// The tokens of passkeys, each predicted behind the true ones before it. A model that does not see
/// that a number is asked for finds no passkey, and may yet know the number.
private struct Digits {
  private let length: Int
  private let starts: [Int]
  private var count = 0
  private var correct = 0
  private var lossSum = 0.0

  init(_ task: RecallTask) {
    length = task.length
    starts = task.answerStarts ?? []
  }

  mutating func add(_ token: ScoredToken) {
    guard !starts.isEmpty, token.token >= starts[token.sequence] else { return }
    count += 1
    correct += token.isCorrect ? 1 : 0
    lossSum += token.loss
  }

  /// nil where there are none.
  var result: RecallResult? {
    if count == 0 { return nil }
    return RecallResult(
      kind: RecallResult.passkeyDigits, length: length, queries: count, correct: correct,
      meanLoss: lossSum / Double(count))
  }
}
