/// A continuation to be scored after a context, as tokens.
public struct LogLikelihoodRequest: Sendable, Equatable {
  /// At least one token; requests with equal contexts share its forward pass.
  public var context: [Int32]
  /// At least one token, all of them scored.
  public var continuation: [Int32]

  /// A continuation and what stands before it.
  public init(context: [Int32], continuation: [Int32]) {
    self.context = context
    self.continuation = continuation
  }
}

/// What a model says of a continuation.
public struct LogLikelihood: Sendable, Equatable {
  /// `Σ log p` of its tokens, nats.
  public var sum: Double
  /// Every token was the most probable one.
  public var isGreedy: Bool

  /// A continuation's log-likelihood, in nats.
  public init(sum: Double, isGreedy: Bool) {
    self.sum = sum
    self.isGreedy = isGreedy
  }
}
