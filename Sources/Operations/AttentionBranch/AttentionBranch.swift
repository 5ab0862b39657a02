import TensorCore

/// What one branch of an attention layer, softmax over some keys or linear attention over others,
/// says of every query and head: the weighted sum of values is `e^m N`, the sum of the weights
/// `e^m D`. Branches over disjoint sets of keys join exactly (`mergedBranches`), and each by itself
/// has the output `N / D` (`branchQuotient`).
public struct AttentionBranch: Sendable {
  /// `N`, `[tokens, queryHeads * valueDim]`.
  public var numerators: Tensor
  /// `D`, `[tokens, queryHeads]`.
  public var denominators: Tensor
  /// `m`, `[tokens, queryHeads]`. It is the largest logit of a softmax, and 0 of linear attention.
  public var logScales: Tensor

  /// A branch of given sums.
  public init(numerators: Tensor, denominators: Tensor, logScales: Tensor) {
    self.numerators = numerators
    self.denominators = denominators
    self.logScales = logScales
  }

  /// Nothing at all: every sum is 0.
  init(tokens: Int, heads: Int, valueDim: Int) {
    self.init(
      numerators: Tensor(zeros: [tokens, heads * valueDim]),
      denominators: Tensor(zeros: [tokens, heads]), logScales: Tensor(zeros: [tokens, heads]))
  }
}

/// Gradients for the numerators and denominators of a branch, `[tokens, queryHeads * valueDim]` and
/// `[tokens, queryHeads]`.
///
/// Those for log scales are left out wherever the branch is used as what it stands for: `N` and `D`
/// shrink by `e^{−δ}` when `m` grows by `δ`, so that nothing made of `e^m N` and `e^m D` moves, and
/// the gradient through `m` is exactly 0. What does compare `N` of one branch with `N` of another
/// regardless of their scales (LoLCATs' shared denominator) gives it: zeros if it does not read `m`
/// itself.
public struct AttentionBranchGradients: Sendable {
  /// For `N`, `[tokens, queryHeads * headDim]`.
  public var numerators: Tensor
  /// For `D`, `[tokens, queryHeads]`.
  public var denominators: Tensor
  /// For `m`, `[tokens, queryHeads]`; nil where it is 0.
  public var logScales: Tensor?

  /// The gradients of one branch.
  public init(numerators: Tensor, denominators: Tensor, logScales: Tensor? = nil) {
    self.numerators = numerators
    self.denominators = denominators
    self.logScales = logScales
  }
}
