import TensorCore

/// Where one head of one segment stands among the results.
struct HeadPlace {
  /// Among the states.
  let slot: Int
  let head, heads: Int
  let firstRow: Int

  /// - Parameter result: the first element of `[rows, heads * dim]`.
  func rows(_ result: UnsafeMutablePointer<Float>, dim: Int) -> MutableHeadRows {
    MutableHeadRows(result, heads: heads, dim: dim, head: head, firstRow: firstRow)
  }

  func rows(_ result: UnsafePointer<Float>, dim: Int) -> HeadRows {
    HeadRows(result + (firstRow * heads + head) * dim, stride: heads * dim)
  }
}

/// Sums gradients of every query head, `[tokens, queryHeads * dim]`, over those that share a head.
func summedOverGroups(_ x: Tensor, from queryHeads: Int, to heads: Int, dim: Int) -> Tensor {
  summedOverGroups(
    x, AttentionShape(queryHeads: queryHeads, keyValueHeads: heads, headDim: dim))
}
