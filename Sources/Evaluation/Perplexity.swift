import Differentiation
import Foundation
import Operations
import Transformers

/// How well a decoder predicts the next token of held-out text, and how fast it reads.
public struct PerplexityResult: Sendable, Equatable {
  /// One sequence's part.
  public struct Window: Sendable, Equatable {
    /// Sum of `−log p` in nats.
    public var lossSum: Double
    public var scoredTokens: Int
    /// Scored tokens that were the most probable ones.
    public var correctTokens: Int

    public init(lossSum: Double, scoredTokens: Int, correctTokens: Int) {
      self.lossSum = lossSum
      self.scoredTokens = scoredTokens
      self.correctTokens = correctTokens
    }

    public var meanLoss: Double { lossSum / Double(scoredTokens) }
  }

  public var windows: [Window]
  /// Tokens read, scored or not.
  public var tokens: Int
  public var seconds: Double

  public init(windows: [Window], tokens: Int, seconds: Double) {
    self.windows = windows
    self.tokens = tokens
    self.seconds = seconds
  }

  public var scoredTokens: Int { windows.reduce(0) { $0 + $1.scoredTokens } }
  /// Nats a scored token; NaN when nothing was scored.
  public var meanLoss: Double {
    windows.reduce(0) { $0 + $1.lossSum } / Double(scoredTokens)
  }
  public var perplexity: Double { exp(meanLoss) }
  /// Share of scored tokens that were the most probable ones.
  public var accuracy: Double {
    Double(windows.reduce(0) { $0 + $1.correctTokens }) / Double(scoredTokens)
  }
  public var tokensPerSecond: Double { seconds > 0 ? Double(tokens) / seconds : 0 }
}

/// Mean next-token loss of a decoder; losses are summed in Double.
public struct PerplexityMeasurement {
  /// Short sequences are read together until a pass has this many rows: matrix products of a few
  /// rows cost as much as those of many.
  private static let rowsOfAPass = 1024

  private let decoder: Decoder
  /// Seconds of a clock that never goes back.
  private let clock: () -> Double

  public init(_ decoder: Decoder, clock: @escaping () -> Double) {
    self.decoder = decoder
    self.clock = clock
  }

  /// - Precondition: ids are below the vocabulary size, sequences within learned positions.
  public func run(_ sequences: [EvaluationSequence]) -> PerplexityResult {
    run(sequences) { _ in }
  }

  /// - Parameter progress: called after every pass; what it throws ends the measurement.
  /// - Precondition: ids are below the vocabulary size, sequences within learned positions.
  public func run(
    _ sequences: [EvaluationSequence], progress: (PerplexityResult) throws -> Void
  ) rethrows -> PerplexityResult {
    var result = PerplexityResult(windows: [], tokens: 0, seconds: 0)
    var start = 0
    while start < sequences.count {
      var end = start
      var rows = 0
      repeat {
        rows += sequences[end].tokens.count
        end += 1
      } while end < sequences.count && rows + sequences[end].tokens.count <= Self.rowsOfAPass
      let begin = clock()
      result.windows += score(sequences[start..<end])
      result.seconds += clock() - begin
      result.tokens += rows
      start = end
      try progress(result)
    }
    return result
  }

  private func score(_ sequences: ArraySlice<EvaluationSequence>) -> [PerplexityResult.Window] {
    let joined = EvaluationSequence.joined(sequences)
    let hidden = decoder.hiddenStates(
      joined.tokens, layout: joined.layout, on: Tape(isRecording: false))
    let (losses, isArgmax, _) = linearCrossEntropy(
      hidden.value, head: decoder.weights.head, targets: joined.targets, gradientScale: nil)
    var row = 0
    return sequences.map { sequence in
      var window = PerplexityResult.Window(lossSum: 0, scoredTokens: 0, correctTokens: 0)
      for index in row..<row + sequence.tokens.count where joined.targets[index] != ignoredTarget {
        window.lossSum += Double(losses[index])
        window.scoredTokens += 1
        window.correctTokens += isArgmax[index] ? 1 : 0
      }
      row += sequence.tokens.count
      return window
    }
  }
}
