import CVectorKernels
import TensorCore

/// The recurrent form of `hybridAttention` over one sequence: per head the sums of the keys that
/// have left the window, the keys and values still in it, and the sinks. Its size does not depend
/// on how many tokens it has seen.
public struct HybridAttentionState {
  public let shape: HybridAttentionShape
  /// Tokens seen.
  public private(set) var position = 0
  private var heads: [HybridState]
  /// Keys, values and key features from `firstKept` to `position`.
  private var keys, values, features: KeptRows
  private var firstKept = 0
  private var sinkKeys, sinkValues: KeptRows

  /// - Precondition: the attention is causal; what a bidirectional one says of a token changes
  ///   with every later one.
  public init(_ shape: HybridAttentionShape) {
    precondition(shape.attention.isCausal, "bidirectional attention cannot be decoded: \(shape)")
    self.shape = shape
    heads = (0..<shape.attention.queryHeads).map { _ in HybridState(shape) }
    let capacity = shape.window.longest + shape.window.chunkLength
    keys = KeptRows(width: shape.attention.keyWidth, capacity: capacity)
    values = KeptRows(width: shape.attention.keyWidth, capacity: capacity)
    features = KeptRows(width: shape.featureWidth, capacity: capacity)
    sinkKeys = KeptRows(width: shape.attention.keyWidth, capacity: shape.sinks)
    sinkValues = KeptRows(width: shape.attention.keyWidth, capacity: shape.sinks)
  }

  /// The same state to be advanced otherwise. Only rows in use are copied, and now: two copies
  /// that shared storage would copy all of it, used or not, when one is advanced.
  public func copied() -> HybridAttentionState {
    var copy = self
    copy.keys = keys.copied()
    copy.values = values.copied()
    copy.features = features.copied()
    return copy
  }

  /// Bytes of sums, window and sinks.
  public var bytes: Int {
    heads.reduce(0) { $0 + ($1.sums.count + $1.normalizer.count) * 4 }
      + [keys, values, features, sinkKeys, sinkValues].reduce(0) { $0 + $1.bytes }
  }

  /// Outputs of the next tokens; shapes as in `hybridAttention`.
  public mutating func advance(
    queries: Tensor, keys newKeys: Tensor, values newValues: Tensor, queryFeatures: Tensor,
    keyFeatures: Tensor, windowFactors: Tensor
  ) -> Tensor {
    let tokens = queries.shape[0]
    let width = shape.attention.queryWidth
    let factors = windowFactors.elements
    var output = Tensor(uninitialized: [tokens, width])
    output.withMutablePointer { output in
      withPointers(queries, newKeys, newValues, queryFeatures, keyFeatures) {
        queries, newKeys, newValues, queryFeatures, keyFeatures in
        var done = 0
        while done < tokens {
          // Chunks end where those of the parallel form end, so that both sum in the same order.
          let length = shape.window.chunkLength
          let count = min(tokens - done, length - position % length)
          let keyOffset = done * shape.attention.keyWidth
          advance(
            count, queries: queries + done * width,
            queryFeatures: queryFeatures + done * shape.featureWidth,
            keys: newKeys + keyOffset, values: newValues + keyOffset,
            keyFeatures: keyFeatures + done * shape.featureWidth, factors: factors,
            output: output + done * width)
          done += count
        }
      }
    }
    return output
  }

  private mutating func advance(
    _ count: Int, queries: UnsafePointer<Float>, queryFeatures: UnsafePointer<Float>,
    keys newKeys: UnsafePointer<Float>, values newValues: UnsafePointer<Float>,
    keyFeatures: UnsafePointer<Float>, factors: [Float], output: UnsafeMutablePointer<Float>
  ) {
    let chunk = HybridChunk(position..<position + count, of: position + count, shape)
    let sinksToCome = max(0, min(count, shape.sinks - position))
    sinkKeys.append(newKeys, rows: sinksToCome)
    sinkValues.append(newValues, rows: sinksToCome)
    absorb(until: chunk.nearStart)
    keys.append(newKeys, rows: count)
    values.append(newValues, rows: count)
    features.append(keyFeatures, rows: count)

    let (shape, position, firstKept) = (shape, position, firstKept)
    let (d, f) = (shape.attention.headDim, shape.featureDim)
    let queryHeads = shape.attention.queryHeads
    let states = heads
    var statistics = Tensor(uninitialized: [2, count * queryHeads])
    withPointers(keys.rows, values.rows, features.rows, sinkKeys.rows, sinkValues.rows) {
      keys, values, features, sinkKeys, sinkValues in
      statistics.withMutablePointer { statistics in
        WorkerPool.shared.parallel(queryHeads) { head in
          let keyOffset = head / shape.attention.group * d
          HybridHead(
            shape: shape, logit: shape.window == .none ? 0 : factors[head],
            segment: .init(start: 0, count: count), firstQuery: position,
            queries: queries + head * d, queryFeatures: queryFeatures + head * f,
            near: HybridKeys(
              firstPosition: firstKept, keys: keys + keyOffset, values: values + keyOffset,
              features: features + head * f),
            sinkKeys: sinkKeys + keyOffset, sinkValues: sinkValues + keyOffset
          ).forward(
            chunk, state: states[head], output: output + head * d, maxima: statistics + head,
            normalizers: statistics + count * queryHeads + head)
        }
      }
    }
    self.position += count
  }

  /// Moves keys before `end`, which no later query sees through softmax, into the sums.
  private mutating func absorb(until end: Int) {
    let start = firstKept
    if end <= start { return }
    let shape = shape
    let (d, f) = (shape.attention.headDim, shape.featureDim)
    heads.withUnsafeMutableBufferPointer { heads in
      let heads = heads
      withPointers(keys.rows, values.rows, features.rows) { keys, values, features in
        WorkerPool.shared.parallel(heads.count) { head in
          let keyOffset = head / shape.attention.group * d
          HybridHead(
            shape: shape, logit: 0, segment: .init(start: 0, count: 1), firstQuery: end,
            queries: keys, queryFeatures: features,
            near: HybridKeys(
              firstPosition: start, keys: keys + keyOffset, values: values + keyOffset,
              features: features + head * f),
            sinkKeys: keys, sinkValues: values
          ).absorb(start..<end, into: &heads[head])
        }
      }
    }
    keys.dropFirst(end - start)
    values.dropFirst(end - start)
    features.dropFirst(end - start)
    firstKept = end
  }
}

/// Rows in a buffer of fixed capacity.
private struct KeptRows {
  let width: Int
  private(set) var rows: Tensor
  private(set) var count = 0

  init(width: Int, capacity: Int) {
    self.width = width
    rows = Tensor(zeros: [max(1, capacity), width])
  }

  private init(_ other: KeptRows) {
    width = other.width
    count = other.count
    rows = Tensor(uninitialized: other.rows.shape)
    rows.withMutablePointer { rows in
      other.rows.withPointer { rows.update(from: $0, count: other.count * other.width) }
    }
  }

  func copied() -> KeptRows { KeptRows(self) }

  var bytes: Int { rows.count * MemoryLayout<Float>.stride }

  mutating func append(_ source: UnsafePointer<Float>, rows added: Int) {
    precondition(count + added <= rows.shape[0], "\(count) + \(added) rows in \(rows.shape)")
    let (width, count) = (width, count)
    rows.withMutablePointer { ($0 + count * width).update(from: source, count: added * width) }
    self.count += added
  }

  mutating func dropFirst(_ dropped: Int) {
    let (width, kept) = (width, count - dropped)
    rows.withMutablePointer { $0.update(from: $0 + dropped * width, count: kept * width) }
    count = kept
  }
}
