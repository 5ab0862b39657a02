import CVectorKernels
import Foundation
import TensorCore

/// What share of softmax attention falls on the keys that a memory reads: those that have left a
/// window and are no sinks. With `a_ij` the weights over all keys that a query sees,
///
///     m_i = Σ_far a_ij
///
/// The cross-entropy of a row against a student's splits into that of the shares and that of the far
/// keys among themselves, `CE(a, â) = BCE(m, μ) + m CE(a_far / m, ã) + …`; what is left is the
/// window's, which nothing needs to learn. Neither part is drowned by it.
public struct FarAttention: Sendable {
  /// The attention whose weights are meant.
  public let attention: AttentionShape
  /// The keys that count as far.
  public let keys: BranchKeys
  /// Keys that a query sees, its own included; nil: all.
  public let window: Int?
  /// Sequences and padding.
  public let layout: SequenceLayout
  /// `m_i`, `[tokens, queryHeads]`, 0 on padding.
  public private(set) var masses: Tensor
  /// `log Σ_j exp(scale q_i·k_j)` over all keys that a query sees, `[tokens, queryHeads]`.
  private(set) var logNormalizers: Tensor

  /// Goes through all pairs in tiles: time is quadratic in the length, memory linear.
  ///
  /// - Parameters:
  ///   - queries: `[tokens, queryHeads * headDim]`.
  ///   - keys: `[tokens, keyValueHeads * headDim]`.
  ///   - window: keys that a query sees, its own included; nil: all.
  public init(
    queries: Tensor, keys: Tensor, attention: AttentionShape, far: BranchKeys,
    layout: SequenceLayout, window: Int? = nil
  ) {
    precondition(
      attention.isCausal || window == nil,
      "a window of \(window ?? 0) keys of bidirectional attention")
    self.attention = attention
    self.keys = far
    self.window = window
    self.layout = layout
    let heads = attention.queryHeads
    let none = Tensor(zeros: [layout.rows, 0])
    var (masses, normalizers) = (
      Tensor(zeros: [layout.rows, heads]), Tensor(zeros: [layout.rows, heads])
    )
    let shape = HybridAttentionShape.linear(attention, featureDim: 0, far)
    withPointers(writing(&masses), writing(&normalizers)) { masses, normalizers in
      HybridOperands(
        queries: queries, keys: keys, values: keys, queryFeatures: none, keyFeatures: none
      ).withHeads(shape: shape, layout: layout, windowFactors: shape.unweighted) { head, slot in
        head.farMasses(
          window: window, masses: masses + head.segment.start * heads + slot,
          logNormalizers: normalizers + head.segment.start * heads + slot)
      }
    }
    self.masses = masses
    logNormalizers = normalizers
  }

  /// Tokens that are no padding, times heads: what losses are averaged over.
  var slots: Int {
    max(1, layout.segments.reduce(0) { $0 + $1.count } * attention.queryHeads)
  }
}

/// The keys of one query, as positions: it sees `[first, end)`, of which `[sinks, window)` are far.
struct FarRow {
  let first, sinks, window, end: Int

  var far: Range<Int> { sinks..<window }
  /// The far keys and the others, those that are seen.
  var seen: Range<Int> { max(first, sinks)..<max(first, window) }
  var near: [Range<Int>] { [first..<max(first, sinks), max(first, window)..<end] }
}

extension HybridHead {
  /// - Parameter window: keys that a query sees, its own included.
  func farRow(_ query: Int, window: Int?) -> FarRow {
    let end = shape.attention.isCausal ? query + 1 : segment.count
    let sinks = min(shape.sinks, end)
    return FarRow(
      first: window.map { max(0, query - $0 + 1) } ?? 0, sinks: sinks,
      window: shape.window == .none
        ? end : max(sinks, min(shape.window.start(of: query), end)), end: end)
  }

  /// Rows are `queryHeads` apart.
  fileprivate func farMasses(
    window: Int?, masses: UnsafeMutablePointer<Float>, logNormalizers: UnsafeMutablePointer<Float>
  ) {
    var storage = Tensor(uninitialized: [2 * WeightTile.rows * WeightTile.keys])
    storage.withMutablePointer { products in
      for start in stride(from: 0, to: segment.count, by: WeightTile.rows) {
        let queries = start..<min(start + WeightTile.rows, segment.count)
        let sums = exponentialSums(
          of: queries.map { farRow($0, window: window) }, queries, products: products,
          scratch: products + WeightTile.rows * WeightTile.keys)
        for (query, sums) in zip(queries, sums) {
          let place = query * shape.attention.queryHeads
          (masses[place], logNormalizers[place]) = sums.far.share(beside: sums.near)
        }
      }
    }
  }

  /// Over the far keys of each query that are seen, and over the others.
  private func exponentialSums(
    of rows: [FarRow], _ queries: Range<Int>, products: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) -> [(far: ExponentialSum, near: ExponentialSum)] {
    let scale = shape.attention.scoreFactor
    var sums = rows.map { _ in (far: ExponentialSum(), near: ExponentialSum()) }
    for keys in tiles(rows[0].first..<rows.last!.end) {
      multiply(queries, keys, into: products)
      for (index, row) in rows.enumerated() {
        let line = products + index * keys.count
        sums[index].far.add(line, row.seen, of: keys, scale, scratch)
        for positions in row.near {
          sums[index].near.add(line, positions, of: keys, scale, scratch)
        }
      }
    }
    return sums
  }

  /// Tiles of a range of keys.
  func tiles(_ keys: Range<Int>) -> [Range<Int>] {
    stride(from: keys.lowerBound, to: keys.upperBound, by: WeightTile.keys).map {
      $0..<min($0 + WeightTile.keys, keys.upperBound)
    }
  }
}

extension ExponentialSum {
  /// Its share of both sums together, and the logarithm of those.
  fileprivate func share(beside other: ExponentialSum) -> (share: Float, logarithm: Float) {
    if total == 0 { return (0, other.logarithm) }
    if other.total == 0 { return (1, logarithm) }
    let (own, theirs) = (logarithm, other.logarithm)
    let sum = max(own, theirs) + log1pf(expf(-abs(own - theirs)))
    return (1 / (1 + expf(theirs - own)), sum)
  }
}
