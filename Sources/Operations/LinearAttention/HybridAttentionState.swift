import TensorCore

extension HybridAttentionShape {
  /// The memory that `continuedHybridAttention` goes on from, of an empty past. Its size does not
  /// depend on how many tokens are read into it.
  ///
  /// - Precondition: the attention is causal; what a bidirectional one says of a token changes
  ///   with every later one.
  public func makeMemory() -> Memory {
    var memory = Memory()
    addMemory(to: &memory, "")
    return memory
  }

  /// Adds it to that of a layer.
  ///
  /// - Parameter prefix: of its names there.
  func addMemory(to memory: inout Memory, _ prefix: String) {
    precondition(attention.isCausal, "bidirectional attention cannot be decoded: \(self)")
    memory.add(
      prefix + "sums", Tensor(zeros: [1, attention.queryHeads, featureDim, attention.headDim]))
    memory.add(prefix + "normalizers", Tensor(zeros: [1, attention.queryHeads, featureDim]))
    let capacity = window.longest + window.chunkLength
    // Where the window is mute nothing reads its keys.
    let keyWidth = mutesWindow ? 0 : attention.keyWidth
    for (name, width, capacity) in [
      ("keys", keyWidth, capacity), ("values", attention.keyWidth, capacity),
      ("features", featureWidth, capacity), ("sink_keys", keyWidth, sinks),
      ("sink_values", attention.keyWidth, sinks),
    ] {
      memory.add(prefix + name, KeptRows(width: width, capacity: capacity))
    }
  }
}

/// Outputs of a sequence's next tokens; shapes as in `hybridAttention`.
///
/// - Parameter memory: of `HybridAttentionShape.makeMemory`; its position is left to the caller.
public func continuedHybridAttention(
  queries: Tensor, keys: Tensor, values: Tensor, queryFeatures: Tensor, keyFeatures: Tensor,
  windowFactors: Tensor, shape: HybridAttentionShape, memory: inout Memory
) -> Tensor {
  HybridOperands(
    queries: queries, keys: keys, values: values, queryFeatures: queryFeatures,
    keyFeatures: keyFeatures
  ).continued(
    shape, windowFactors: windowFactors, divides: true, memory: &memory, ""
  ).numerators
}

extension HybridOperands {
  /// The next tokens' outputs, or numerators, denominators and log scales where they are not to be
  /// divided.
  func continued(
    _ shape: HybridAttentionShape, windowFactors: Tensor, divides: Bool, memory: inout Memory,
    _ prefix: String
  ) -> AttentionBranch {
    var state = HybridAttentionState(shape, &memory, prefix)
    let result = state.advance(self, windowFactors: windowFactors, divides: divides)
    state.put(into: &memory, prefix)
    return result
  }
}

/// A memory's tensors while it is gone on from: per head the sums of the keys that have left the
/// window, the keys and values still in it, and the sinks.
private struct HybridAttentionState {
  let shape: HybridAttentionShape
  /// Tokens seen.
  private var position: Int
  /// `[1, queryHeads, featureDim, headDim]` and `[1, queryHeads, featureDim]`.
  private var sums, normalizers: Tensor
  /// Keys, values and key features from `firstKept` to `position`.
  private var keys, values, features: KeptRows
  private var sinkKeys, sinkValues: KeptRows

  init(_ shape: HybridAttentionShape, _ memory: inout Memory, _ prefix: String) {
    self.shape = shape
    position = memory.position
    sums = memory.take(prefix + "sums")
    normalizers = memory.take(prefix + "normalizers")
    keys = memory.take(rows: prefix + "keys")
    values = memory.take(rows: prefix + "values")
    features = memory.take(rows: prefix + "features")
    sinkKeys = memory.take(rows: prefix + "sink_keys")
    sinkValues = memory.take(rows: prefix + "sink_values")
  }

  func put(into memory: inout Memory, _ prefix: String) {
    memory[prefix + "sums"] = sums
    memory[prefix + "normalizers"] = normalizers
    memory[rows: prefix + "keys"] = keys
    memory[rows: prefix + "values"] = values
    memory[rows: prefix + "features"] = features
    memory[rows: prefix + "sink_keys"] = sinkKeys
    memory[rows: prefix + "sink_values"] = sinkValues
  }

  /// The first key that is kept as it was: every one before has been read into the sums.
  private var firstKept: Int { min(shape.window.start(of: position), position) }

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
          position += count
          drop(keys.count - (position - firstKept))
          done += count
        }
      }
    }
    return result
  }

  /// Puts the next tokens' rows behind those kept.
  private mutating func keep(_ new: HybridRows, rows count: Int) {
    keys.append(new.keys, rows: count)
    values.append(new.values, rows: count)
    features.append(new.keyFeatures, rows: count)
    let newSinks = max(0, min(count, shape.sinks - position))
    sinkKeys.append(new.keys, rows: newSinks)
    sinkValues.append(new.values, rows: newSinks)
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
    let kept = (keys.buffer, values.buffer, features.buffer, sinkKeys.buffer, sinkValues.buffer)
    withPointers(writing(&sums), writing(&normalizers), kept.0, kept.1, kept.2, kept.3, kept.4) {
      sums, normalizers, keys, values, features, sinkKeys, sinkValues in
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

  private mutating func drop(_ dropped: Int) {
    keys.dropFirst(dropped)
    values.dropFirst(dropped)
    features.dropFirst(dropped)
  }
}

/// Where the operands of the next tokens begin; rows as in `hybridAttention`.
private struct HybridRows {
  let queries, keys, values, queryFeatures, keyFeatures: UnsafePointer<Float>
}
