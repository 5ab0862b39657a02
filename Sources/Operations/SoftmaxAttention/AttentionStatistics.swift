import Foundation
import TensorCore

/// Where the heads of softmax attention look, and how long their queries and keys are: means over
/// the queries of the sequences that were added.
public struct AttentionStatistics: Sendable {
  /// One query head.
  public struct Head: Sendable, Equatable {
    /// Tokens between a query and the keys it attends to, sinks left out: `Σ a_ij (i − j) / Σ a_ij`
    /// over the keys that are no sinks. nil where there were none.
    public var distance: Double?
    /// Of a query's weights over all its keys, in nats.
    public var entropy: Double
    /// Weight of the sinks.
    public var sinkMass: Double
    /// `‖q‖` and `‖k‖`, positions applied.
    public var queryNorm, keyNorm: Double

    /// Numbers that were measured, or are given.
    public init(
      distance: Double?, entropy: Double, sinkMass: Double, queryNorm: Double, keyNorm: Double
    ) {
      self.distance = distance
      self.entropy = entropy
      self.sinkMass = sinkMass
      self.queryNorm = queryNorm
      self.keyNorm = keyNorm
    }
  }

  /// Of the attention that is measured.
  public let shape: AttentionShape
  /// First tokens of a sequence that count as attention sinks.
  public let sinks: Int
  private var sums: [Sums]

  /// Statistics of no sequence yet.
  public init(_ shape: AttentionShape, sinks: Int) {
    self.shape = shape
    self.sinks = sinks
    sums = [Sums](repeating: Sums(), count: shape.queryHeads)
  }

  /// Adds every segment of `layout`, in memory quadratic in its tokens.
  ///
  /// - Parameters:
  ///   - queries: `[tokens, queryHeads * headDim]`; keys: `[tokens, keyValueHeads * headDim]`.
  ///   - window: keys a query sees, itself included; nil: all.
  public mutating func add(
    queries: Tensor, keys: Tensor, layout: SequenceLayout, window: Int? = nil
  ) {
    let (shape, sinks) = (shape, sinks)
    for segment in layout.segments {
      let weights = softmaxAttentionWeights(
        queries: queries, keys: keys, shape: shape, segment: segment, window: window)
      sums.withUnsafeMutableBufferPointer { sums in
        let sums = sums
        WorkerPool.shared.parallel(shape.queryHeads) { head in
          sums[head].addWeights(weights, head, segment.count, sinks: sinks)
          sums[head].queryNorm += normSum(queries, head, shape, segment.rows, shape.queryWidth)
          sums[head].keyNorm += normSum(
            keys, head / shape.group, shape, segment.rows, shape.keyWidth)
        }
      }
    }
  }

  /// One a query head.
  ///
  /// - Precondition: a sequence was added.
  public var heads: [Head] {
    sums.map {
      precondition($0.queries > 0, "statistics of no sequence")
      return Head(
        distance: $0.mass > 0 ? $0.distance / $0.mass : nil, entropy: $0.entropy / $0.queries,
        sinkMass: $0.sinkMass / $0.queries, queryNorm: $0.queryNorm / $0.queries,
        keyNorm: $0.keyNorm / $0.queries)
    }
  }
}

/// Of one head over all queries.
private struct Sums {
  var queries = 0.0
  var mass = 0.0
  var distance = 0.0
  var entropy = 0.0
  var sinkMass = 0.0
  var queryNorm = 0.0
  var keyNorm = 0.0

  /// Adds a head's weights, those of `[queryHeads, count, count]`.
  mutating func addWeights(_ weights: Tensor, _ head: Int, _ count: Int, sinks: Int) {
    weights.withPointer { weights in
      for query in 0..<count {
        let row = weights + (head * count + query) * count
        for key in 0..<count where row[key] > 0 {
          add(Double(row[key]), distance: abs(query - key), isSink: key < sinks)
        }
      }
    }
    queries += Double(count)
  }

  private mutating func add(_ weight: Double, distance tokens: Int, isSink: Bool) {
    entropy -= weight * log(weight)
    if isSink {
      sinkMass += weight
    } else {
      mass += weight
      distance += weight * Double(tokens)
    }
  }
}

/// `Σ ‖x‖` of a head over some rows of `[tokens, width]`.
private func normSum(
  _ x: Tensor, _ head: Int, _ shape: AttentionShape, _ rows: Range<Int>, _ width: Int
) -> Double {
  x.withPointer { x in
    rows.reduce(0) { sum, row in
      let vector = x + row * width + head * shape.headDim
      return sum
        + (0..<shape.headDim).reduce(0) { $0 + Double(vector[$1]) * Double(vector[$1]) }
        .squareRoot()
    }
  }
}
