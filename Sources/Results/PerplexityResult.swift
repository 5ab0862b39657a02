import Foundation

/// How well a decoder predicts the next token of held-out text, and how fast it reads.
public struct PerplexityResult: Sendable, Equatable {
  /// One sequence's part.
  public struct Window: Sendable, Equatable {
    /// Sum of `−log p` in nats.
    public var lossSum: Double
    /// Tokens that were predicted.
    public var scoredTokens: Int
    /// Scored tokens that were the most probable ones.
    public var correctTokens: Int

    /// The sums of one sequence.
    public init(lossSum: Double, scoredTokens: Int, correctTokens: Int) {
      self.lossSum = lossSum
      self.scoredTokens = scoredTokens
      self.correctTokens = correctTokens
    }

    /// Nats a scored token; NaN when nothing was scored.
    public var meanLoss: Double { lossSum / Double(scoredTokens) }
  }

  /// Tokens predicted from contexts of similar length.
  public struct PositionRange: Sendable, Equatable {
    /// Tokens of context, `first ..< end`.
    public var first: Int
    /// The first context length that is not in the range.
    public var end: Int
    /// Sum of `−log p` in nats.
    public var lossSum: Double
    /// Tokens predicted from such contexts.
    public var scoredTokens: Int

    /// A range of context lengths, at first empty.
    public init(first: Int, end: Int, lossSum: Double = 0, scoredTokens: Int = 0) {
      self.first = first
      self.end = end
      self.lossSum = lossSum
      self.scoredTokens = scoredTokens
    }

    /// NaN when nothing was scored.
    public var meanLoss: Double { lossSum / Double(scoredTokens) }
    /// `exp(meanLoss)`; NaN when nothing was scored.
    public var perplexity: Double { exp(meanLoss) }
  }

  /// What was read, sequence by sequence.
  public var windows: [Window]
  /// By the length of the context, ascending; empty when it was not asked for.
  public var positions: [PositionRange]
  /// Tokens read, scored or not.
  public var tokens: Int
  /// Seconds that reading took, on the clock.
  public var seconds: Double

  /// What was measured of a text.
  public init(
    windows: [Window], positions: [PositionRange] = [], tokens: Int, seconds: Double
  ) {
    self.windows = windows
    self.positions = positions
    self.tokens = tokens
    self.seconds = seconds
  }

  /// Tokens predicted in all windows.
  public var scoredTokens: Int { windows.reduce(0) { $0 + $1.scoredTokens } }
  /// Nats a scored token; NaN when nothing was scored.
  public var meanLoss: Double {
    windows.reduce(0) { $0 + $1.lossSum } / Double(scoredTokens)
  }
  /// `exp(meanLoss)`; NaN when nothing was scored.
  public var perplexity: Double { exp(meanLoss) }
  /// Share of scored tokens that were the most probable ones.
  public var accuracy: Double {
    Double(windows.reduce(0) { $0 + $1.correctTokens }) / Double(scoredTokens)
  }
  /// Tokens read in a second; 0 when no time was taken.
  public var tokensPerSecond: Double { seconds > 0 ? Double(tokens) / seconds : 0 }

  /// Standard error of the mean loss over windows, nats a token; nil for fewer than two windows.
  public var lossStandardError: Double? {
    let means = windows.filter { $0.scoredTokens > 0 }.map(\.meanLoss)
    guard means.count > 1 else { return nil }
    let mean = means.reduce(0, +) / Double(means.count)
    let squares = means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(means.count - 1) / Double(means.count)).squareRoot()
  }
}
