/// Which keys of a query's past are attended to by softmax; the older ones are left to linear
/// attention (LoLCATs, arXiv 2410.10254, section 3.3).
public enum AttentionWindow: Sendable, Equatable {
  /// None: linear attention over every key.
  case none
  /// The last `size` keys, the query's own included.
  case sliding(Int)
  /// Blocks of `size` keys: the query's own block up to itself and the whole block before, so
  /// `size + 1` to `2 size` keys. Blocks start at the start of the sequence.
  ///
  /// The LoLCATs code aligns them to the end, which makes the weights of a token depend on how
  /// many tokens follow it, and counts every key twice when the sequence is no longer than one
  /// block. Both agree with this one wherever the length is a larger multiple of `size`.
  case terrace(Int)

  /// First key that the query at `position` sees through softmax; `position + 1` when none.
  @inlinable
  public func start(of position: Int) -> Int {
    switch self {
    case .none: position + 1
    case .sliding(let size): max(0, position - size + 1)
    case .terrace(let size): max(0, (position / size - 1) * size)
    }
  }

  /// Queries worked on together. A terrace's own block makes a chunk whose near keys are all in
  /// the window, which spares the products of their features.
  var chunkLength: Int {
    if case .terrace(let size) = self, (32...128).contains(size) { return size }
    return 64
  }

  /// Most keys that one query sees through softmax, sinks apart.
  public var longest: Int {
    switch self {
    case .none: 0
    case .sliding(let size): size
    case .terrace(let size): 2 * size
    }
  }
}
