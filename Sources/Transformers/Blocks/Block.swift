import Differentiation

/// Where a branch of a block is normalised: `sum(x + after(f(before(x))))`. Before it as in GPT-2 and
/// Llama, behind the sum as in BERT, behind the branch as in OLMo 2, before and behind it as in
/// Gemma 2.
public struct BranchNorms {
  /// Norms before the branch, behind it, and behind the sum; nil where there is none.
  public internal(set) var before, after, sum: Norm?

  init(before: Norm? = nil, after: Norm? = nil, sum: Norm? = nil) {
    self.before = before
    self.after = after
    self.sum = sum
  }

  /// What the branch reads of the stream.
  func entering(_ x: Variable, on tape: Tape) -> Variable { before?(x, on: tape) ?? x }

  /// The stream with what the branch has made.
  func joining(_ x: Variable, _ branch: Variable, on tape: Tape) -> Variable {
    let joined = tape.add(x, after?(branch, on: tape) ?? branch)
    return sum?(joined, on: tape) ?? joined
  }

  mutating func visit(_ prefix: String, _ body: WeightVisitor) {
    before?.visit(prefix, body)
    after?.visit(prefix, body)
    sum?.visit(prefix, body)
  }
}

/// How a family's block computes, and its weights: attention and a feed-forward network as branches
/// of the residual stream. What happens between the projections is the mixer's.
public struct Block {
  /// Where the attention is normalised.
  public internal(set) var attentionNorms: BranchNorms
  /// Projections of the attention.
  public internal(set) var attention: AttentionProjections
  /// Where the feed-forward network is normalised.
  public internal(set) var feedForwardNorms: BranchNorms
  /// The feed-forward network.
  public internal(set) var feedForward: FeedForward
  /// Both branches read what enters the block, as in GPT-NeoX; otherwise the second one reads what
  /// the first has left.
  public let isParallel: Bool

  init(
    attentionNorms: BranchNorms, attention: AttentionProjections, feedForwardNorms: BranchNorms,
    feedForward: FeedForward, isParallel: Bool = false
  ) {
    self.attentionNorms = attentionNorms
    self.attention = attention
    self.feedForwardNorms = feedForwardNorms
    self.feedForward = feedForward
    self.isParallel = isParallel
  }

  /// What the query, key and value projections read.
  func attentionInput(_ x: Variable, on tape: Tape) -> Variable {
    attentionNorms.entering(x, on: tape)
  }

  /// What leaves the block.
  ///
  /// - Parameter attention: of the output projection.
  func finish(_ x: Variable, attention: Variable, on tape: Tape) -> Variable {
    let attended = attentionNorms.joining(x, attention, on: tape)
    let read = feedForwardNorms.entering(isParallel ? x : attended, on: tape)
    return feedForwardNorms.joining(attended, feedForward(read, on: tape), on: tape)
  }

  /// - Parameter prefix: with its dot.
  mutating func visit(_ prefix: String, _ body: WeightVisitor) {
    attentionNorms.visit(prefix, body)
    attention.visit("\(prefix)self_attn.", body)
    feedForwardNorms.visit(prefix, body)
    feedForward.visit("\(prefix)mlp.", body)
  }
}
