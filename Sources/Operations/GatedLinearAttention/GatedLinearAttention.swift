import TensorCore

/// Heads of a gated linear attention. Every operand is `[tokens, heads * headDim]`.
public struct GatedLinearAttentionShape: Sendable, Equatable {
  public let heads: Int
  public let headDim: Int
  /// Factor of the outputs; `1/sqrt(headDim)` unless given.
  public let scale: Float

  public init(heads: Int, headDim: Int, scale: Float? = nil) {
    precondition(heads > 0 && headDim > 0, "\(heads) heads of \(headDim)")
    self.heads = heads
    self.headDim = headDim
    self.scale = scale ?? 1 / Float(headDim).squareRoot()
  }

  public var width: Int { heads * headDim }

  func check(_ operands: Tensor..., rows: Int) {
    for operand in operands {
      precondition(operand.shape == [rows, width], "\(operand.shape) for \(self), \(rows) rows")
    }
  }
}

/// Causal linear attention whose state forgets, at a rate of its own for every key channel and
/// token: gated linear attention (arXiv 2312.06635, section 4), the kernel of RWKV-6 (arXiv
/// 2404.05892) without its bonus, as RAD-RWKV6 uses it (RADLADS, arXiv 2505.03005). Per head,
/// with `S_0 = 0` at the start of every segment,
///
///     S_t = diag(e^{g_t}) S_{t−1} + k_tᵀ v_t
///     o_t = scale q_t S_t
///
/// Computed in chunks of 16 tokens: with `Λ_ij = e^{g_{j+1}} … e^{g_i}`, a product over the tokens
/// between, and `S` the state before the chunk,
///
///     o_i = scale (Σ_{j≤i} (q_i·(Λ_ij ⊙ k_j)) v_j + (q_i ⊙ Λ_i0) S)
///
/// No factor is above 1, so that nothing overflows however fast the decay. Products and not
/// exponents of differences of sums: a sum of 16 decays of −5 is rounded by 4e-6, which would be
/// the relative error of its exponential.
///
/// - Parameters:
///   - queries, keys, values: `[tokens, heads * headDim]`.
///   - logDecays: `g`, `[tokens, heads * headDim]`, at most 0.
/// - Returns: `[tokens, heads * headDim]`, zero on padding.
public func gatedLinearAttention(
  queries: Tensor, keys: Tensor, values: Tensor, logDecays: Tensor,
  shape: GatedLinearAttentionShape, layout: SequenceLayout
) -> Tensor {
  shape.check(queries, keys, values, logDecays, rows: layout.rows)
  var output = Tensor(uninitialized: queries.shape)
  output.withMutablePointer { output in
    zeroPadding(layout, output, width: shape.width)
    let operands = GatedOperands(
      queries: queries, keys: keys, values: values, logDecays: logDecays)
    operands.withHeads(shape: shape, layout: layout) { head, offset in
      var state = Tensor(zeros: [shape.headDim, shape.headDim])
      state.withMutablePointer {
        head.forward(state: $0, firstPosition: 0, output: output + offset)
      }
    }
  }
  return output
}

struct GatedOperands {
  let queries, keys, values, logDecays: Tensor

  /// Runs `body` for every head of every segment, in parallel; `offset` is that of the head's
  /// first element.
  func withHeads(
    shape: GatedLinearAttentionShape, layout: SequenceLayout,
    _ body: (_ head: GatedHead, _ offset: Int) -> Void
  ) {
    withPointers(queries, keys, values, logDecays, logDecays) { queries, keys, values, g, _ in
      WorkerPool.shared.parallel(layout.segments.count * shape.heads) { task in
        let segment = layout.segments[task / shape.heads]
        let offset = segment.start * shape.width + task % shape.heads * shape.headDim
        body(
          GatedHead(
            shape: shape, count: segment.count, queries: queries + offset, keys: keys + offset,
            values: values + offset, logDecays: g + offset),
          offset)
      }
    }
  }
}

/// Consecutive rows of one head, `shape.width` apart.
struct GatedHead {
  let shape: GatedLinearAttentionShape
  /// Rows.
  let count: Int
  let queries, keys, values, logDecays: UnsafePointer<Float>

  var d: Int { shape.headDim }
  var stride: Int { shape.width }

  /// Rows of every chunk. Chunks end where the position in the sequence is a multiple of their
  /// length, so that a sequence fed in pieces is summed in the same order.
  func chunks(firstPosition: Int = 0) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var start = 0
    while start < count {
      let length = GatedChunk.length - (firstPosition + start) % GatedChunk.length
      ranges.append(start..<min(count, start + length))
      start = ranges.last!.upperBound
    }
    return ranges
  }

  /// Writes the outputs and leaves the state after the last row in `state`, `[headDim, headDim]`.
  func forward(
    state: UnsafeMutablePointer<Float>, firstPosition: Int, output: UnsafeMutablePointer<Float>
  ) {
    var scratch = Tensor(uninitialized: [GatedChunk.elements(d, keepsPairs: false)])
    scratch.withMutablePointer { scratch in
      let chunk = GatedChunk(scratch, d: d, keepsPairs: false)
      for rows in chunks(firstPosition: firstPosition) {
        chunk.prepareDecays(self, rows)
        chunk.prepareQueries(self, rows)
        chunk.prepareKeys(self, rows)
        chunk.prepareProducts(self, rows)
        let first = rows.lowerBound * stride
        BLAS.multiply(
          m: rows.count, n: d, k: rows.count, alpha: shape.scale,
          Matrix(chunk.products, stride: GatedChunk.length),
          Matrix(values + first, stride: stride), into: output + first, stride: stride)
        BLAS.multiply(
          m: rows.count, n: d, k: d, alpha: shape.scale, Matrix(chunk.decayedQueries, stride: d),
          Matrix(state, stride: d), beta: 1, into: output + first, stride: stride)
        chunk.advance(self, rows, state: state)
      }
    }
  }
}
