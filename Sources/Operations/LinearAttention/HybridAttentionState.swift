import TensorCore

/// The recurrent form of `hybridAttention` over one sequence: per head the sums of the keys that
/// have left the window, the keys and values still in it, and the sinks. Its size does not depend
/// on how many tokens it has seen, and all of it is `position` and `tensors`.
public struct HybridAttentionState: Sendable {
  public let shape: HybridAttentionShape
  /// Tokens seen.
  public private(set) var position = 0
  /// `[1, queryHeads, featureDim, headDim]` and `[1, queryHeads, featureDim]`.
  private var sums, normalizers: Tensor
  /// Keys, values and key features from `firstKept` to `position`, in rows from the first on.
  private var keys, values, features: Tensor
  private var sinkKeys, sinkValues: Tensor

  /// Nothing seen.
  ///
  /// - Precondition: the attention is causal; what a bidirectional one says of a token changes
  ///   with every later one.
  public init(_ shape: HybridAttentionShape) {
    precondition(shape.attention.isCausal, "bidirectional attention cannot be decoded: \(shape)")
    self.shape = shape
    let (heads, f) = (shape.attention.queryHeads, shape.featureDim)
    sums = Tensor(zeros: [1, heads, f, shape.attention.headDim])
    normalizers = Tensor(zeros: [1, heads, f])
    let capacity = shape.window.longest + shape.window.chunkLength
    // Where the window is mute nothing reads its keys.
    let keyWidth = shape.mutesWindow ? 0 : shape.attention.keyWidth
    keys = Tensor(zeros: [capacity, keyWidth])
    values = Tensor(zeros: [capacity, shape.attention.keyWidth])
    features = Tensor(zeros: [capacity, shape.featureWidth])
    sinkKeys = Tensor(zeros: [max(1, shape.sinks), keyWidth])
    sinkValues = Tensor(zeros: [max(1, shape.sinks), shape.attention.keyWidth])
  }

  private static var names: [(name: String, path: WritableKeyPath<HybridAttentionState, Tensor>)] {
    [
      ("sums", \.sums), ("normalizers", \.normalizers), ("keys", \.keys), ("values", \.values),
      ("features", \.features), ("sink_keys", \.sinkKeys), ("sink_values", \.sinkValues),
    ]
  }

  /// All that is remembered besides `position`, always in this order and of these shapes. Only so
  /// many leading `rows` are in use; the others may be anything.
  public var tensors: [(name: String, value: Tensor, rows: Int)] {
    Self.names.map { name, path in
      let value = self[keyPath: path]
      let rows =
        switch name {
        case "keys", "values", "features": position - firstKept
        case "sink_keys", "sink_values": min(position, shape.sinks)
        default: value.shape[0]
        }
      return (name, value, rows)
    }
  }

  /// A state as `position` and `tensors` of another say. To advance it without copying what it
  /// holds, nothing else may hold the tensors.
  public init(
    _ shape: HybridAttentionShape, position: Int, tensor: (_ name: String) -> Tensor
  ) {
    self.init(shape)
    self.position = position
    for (name, path) in Self.names {
      let given = tensor(name)
      precondition(
        given.shape == self[keyPath: path].shape,
        "\(name) of shape \(given.shape), expected \(self[keyPath: path].shape) for \(shape)")
      self[keyPath: path] = given
    }
  }

  /// The first key that is kept as it was: every one before has been read into the sums.
  private var firstKept: Int { min(shape.window.start(of: position), position) }

  /// The same state to be advanced otherwise; it is copied now and not when one is advanced.
  public func copied() -> HybridAttentionState {
    var copy = self
    for (_, path) in Self.names { copy[keyPath: path].withMutablePointer { _ in } }
    return copy
  }

  /// Bytes of sums, window and sinks.
  public var bytes: Int { tensors.reduce(0) { $0 + $1.value.count } * MemoryLayout<Float>.stride }

  /// Outputs of the next tokens; shapes as in `hybridAttention`.
  public mutating func advance(
    queries: Tensor, keys newKeys: Tensor, values newValues: Tensor, queryFeatures: Tensor,
    keyFeatures: Tensor, windowFactors: Tensor
  ) -> Tensor {
    advance(
      HybridOperands(
        queries: queries, keys: newKeys, values: newValues, queryFeatures: queryFeatures,
        keyFeatures: keyFeatures), windowFactors: windowFactors, divides: true
    ).numerators
  }

  /// The same, or numerators, denominators and log scales where they are not to be divided.
  mutating func advance(_ operands: HybridOperands, windowFactors: Tensor, divides: Bool)
    -> AttentionBranch
  {
    let tokens = operands.values.shape[0]
    let (shape, factors) = (shape, windowFactors.elements)
    let heads = shape.attention.queryHeads
    var result = AttentionBranch(tokens: tokens, heads: heads, valueDim: shape.attention.headDim)
    withPointers(
      writing(&result.numerators), writing(&result.denominators), writing(&result.logScales)
    ) { output, normalizers, maxima in
      withPointers(
        operands.queries, operands.keys, operands.values, operands.queryFeatures,
        operands.keyFeatures
      ) { queries, newKeys, newValues, queryFeatures, keyFeatures in
        var done = 0
        while done < tokens {
          // Chunks end where those of the parallel form end, so that both sum in the same order.
          let length = shape.window.chunkLength
          let count = min(tokens - done, length - position % length)
          let keyOffset = done * shape.attention.keyWidth
          let queryOffset = done * shape.attention.queryWidth
          let featureOffset = done * shape.featureWidth
          let new = HybridRows(
            queries: queries + queryOffset, keys: newKeys + keyOffset,
            values: newValues + keyOffset, queryFeatures: queryFeatures + featureOffset,
            keyFeatures: keyFeatures + featureOffset)
          keep(new, rows: count)
          read(
            new, rows: count, factors: factors, output: output + queryOffset,
            maxima: maxima + done * heads, normalizers: normalizers + done * heads,
            divides: divides)
          let first = firstKept
          position += count
          drop(firstKept - first, of: position - first)
          done += count
        }
      }
    }
    return result
  }

  /// Puts the next tokens' rows behind those kept.
  private mutating func keep(_ new: HybridRows, rows count: Int) {
    let kept = position - firstKept
    write(new.keys, rows: count, to: &keys, at: kept)
    write(new.values, rows: count, to: &values, at: kept)
    write(new.keyFeatures, rows: count, to: &features, at: kept)
    let sinks = min(position, shape.sinks)
    let newSinks = max(0, min(count, shape.sinks - position))
    write(new.keys, rows: newSinks, to: &sinkKeys, at: sinks)
    write(new.values, rows: newSinks, to: &sinkValues, at: sinks)
  }

  /// Outputs of the next tokens, which are one chunk; then moves keys that no later query sees
  /// through softmax into the sums.
  private mutating func read(
    _ new: HybridRows, rows count: Int, factors: [Float], output: UnsafeMutablePointer<Float>,
    maxima: UnsafeMutablePointer<Float>, normalizers totals: UnsafeMutablePointer<Float>,
    divides: Bool
  ) {
    let (shape, position, firstKept) = (shape, position, firstKept)
    let end = position + count
    let nextKept = min(shape.window.start(of: end), end)
    let chunk = HybridChunk(position..<end, of: end, shape)
    let (d, f) = (shape.attention.headDim, shape.featureDim)
    let (keys, values, features) = (keys, values, features)
    let (sinkKeys, sinkValues) = (sinkKeys, sinkValues)
    withPointers(
      writing(&sums), writing(&normalizers), keys, values, features, sinkKeys, sinkValues
    ) { sums, normalizers, keys, values, features, sinkKeys, sinkValues in
      WorkerPool.shared.parallel(shape.attention.queryHeads) { slot in
        let keyOffset = slot / shape.attention.group * d
        let head = HybridHead(
          shape: shape, logit: shape.window == .none ? 0 : factors[slot],
          segment: .init(start: 0, count: count), firstQuery: position,
          queries: new.queries + slot * d, queryFeatures: new.queryFeatures + slot * f,
          near: HybridKeys(
            firstPosition: firstKept, keys: keys + keyOffset, values: values + keyOffset,
            features: features + slot * f),
          sinkKeys: sinkKeys + keyOffset, sinkValues: sinkValues + keyOffset)
        var state = HybridState(
          sums: sums + slot * f * d, normalizer: normalizers + slot * f, absorbed: firstKept)
        head.forward(
          chunk, state: state, output: output + slot * d, maxima: maxima + slot,
          normalizers: totals + slot, divides: divides)
        head.absorb(firstKept..<nextKept, into: &state)
      }
    }
  }

  /// Moves the rows behind the first `dropped` of `count` to the front.
  private mutating func drop(_ dropped: Int, of count: Int) {
    if dropped == 0 { return }
    moveRows(dropped..<count, toFrontOf: &keys)
    moveRows(dropped..<count, toFrontOf: &values)
    moveRows(dropped..<count, toFrontOf: &features)
  }
}

/// Where the operands of the next tokens begin; rows as in `hybridAttention`.
private struct HybridRows {
  let queries, keys, values, queryFeatures, keyFeatures: UnsafePointer<Float>
}

private func write(
  _ source: UnsafePointer<Float>, rows: Int, to target: inout Tensor, at row: Int
) {
  if rows == 0 { return }
  let width = target.shape[1]
  precondition(row + rows <= target.shape[0], "\(row) + \(rows) rows in \(target.shape)")
  target.withMutablePointer { ($0 + row * width).update(from: source, count: rows * width) }
}

private func moveRows(_ rows: Range<Int>, toFrontOf x: inout Tensor) {
  let width = x.shape[1]
  x.withMutablePointer {
    $0.update(from: $0 + rows.lowerBound * width, count: rows.count * width)
  }
}
