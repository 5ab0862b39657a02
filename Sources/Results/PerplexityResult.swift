import Foundation

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

  /// Tokens predicted from contexts of similar length.
  public struct PositionRange: Sendable, Equatable {
    /// Tokens of context, `first ..< end`.
    public var first: Int
    public var end: Int
    /// Sum of `−log p` in nats.
    public var lossSum: Double
    public var scoredTokens: Int

    public init(first: Int, end: Int, lossSum: Double = 0, scoredTokens: Int = 0) {
      self.first = first
      self.end = end
      self.lossSum = lossSum
      self.scoredTokens = scoredTokens
    }

    /// NaN when nothing was scored.
    public var meanLoss: Double { lossSum / Double(scoredTokens) }
    public var perplexity: Double { exp(meanLoss) }
  }

  public var windows: [Window]
  /// By the length of the context, ascending; empty when it was not asked for.
  public var positions: [PositionRange]
  /// Tokens read, scored or not.
  public var tokens: Int
  public var seconds: Double

  public init(
    windows: [Window], positions: [PositionRange] = [], tokens: Int, seconds: Double
  ) {
    self.windows = windows
    self.positions = positions
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

  /// Standard error of the mean loss over windows, nats a token; nil for fewer than two windows.
  public var lossStandardError: Double? {
    let means = windows.filter { $0.scoredTokens > 0 }.map(\.meanLoss)
    guard means.count > 1 else { return nil }
    let mean = means.reduce(0, +) / Double(means.count)
    let squares = means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(means.count - 1) / Double(means.count)).squareRoot()
  }
}
