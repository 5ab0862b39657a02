import TensorCore

/// A memory's tensors while it is gone on from: per head the sums of the keys that have left the
/// window, the keys and values still in it, and the sinks. What the shape has no use for is empty.
struct HybridAttentionState {
  private let shape: HybridAttentionShape
  /// Tokens seen.
  private var position: Int
  /// `[1, queryHeads, featureDim, headDim]` and `[1, queryHeads, featureDim]`.
  private var sums = Tensor(zeros: [0])
  private var normalizers = Tensor(zeros: [0])
  /// Keys and values from `firstKept` to `position`, and of the first tokens.
  private var kept, sinks: KeyRows

  init(_ shape: HybridAttentionShape, _ memory: inout Memory, _ prefix: String) {
    self.shape = shape
    position = memory.position
    kept = KeyRows(width: shape.attention.keyWidth)
    sinks = kept
    if shape.keepsSums {
      sums = memory.take(prefix + "sums")
      normalizers = memory.take(prefix + "normalizers")
    }
    if shape.keepsKeys { kept.take(from: &memory, prefix) }
    if shape.keepsSinks { sinks.take(from: &memory, prefix + "sink_") }
  }

  func put(into memory: inout Memory, _ prefix: String) {
    if shape.keepsSums {
      memory[prefix + "sums"] = sums
      memory[prefix + "normalizers"] = normalizers
    }
    if shape.keepsKeys { kept.put(into: &memory, prefix) }
    if shape.keepsSinks { sinks.put(into: &memory, prefix + "sink_") }
  }

  /// The first key that is kept as it was when so many tokens have been seen: every one before is
  /// read into the sums.
  private func firstKept(after position: Int) -> Int {
    min(shape.window.start(of: position), position)
  }

  mutating func advance(
    _ tokens: HybridTokens, _ parts: [HybridAttentionShape], factors: [Float], divides: Bool
  ) -> [AttentionBranch] {
    let count = tokens.values.shape[0]
    let attention = shape.attention
    let make = { (width: Int) in parts.map { _ in Tensor(zeros: [count, width]) } }
    var (numerators, denominators, logScales) = (
      make(attention.queryWidth), make(attention.queryHeads), make(attention.queryHeads)
    )
    withPointers(writing(&numerators), writing(&denominators), writing(&logScales)) {
      let results = HybridResults(
        numerators: $0, denominators: $1, logScales: $2, attention: attention, divides: divides)
      var done = 0
      while done < count {
        // Chunks end where those of the parallel form end, so that both sum in the same order.
        let length = shape.window.chunkLength
        let rows = done..<min(count, done + length - position % length)
        keep(tokens, rows)
        read(tokens, rows, parts, factors: factors, into: results)
        let dropped = firstKept(after: position + rows.count) - firstKept(after: position)
        position += rows.count
        if shape.keepsKeys { kept.dropFirst(dropped) }
        done = rows.upperBound
      }
    }
    return parts.indices.map {
      AttentionBranch(
        numerators: numerators[$0], denominators: denominators[$0], logScales: logScales[$0])
    }
  }

  /// Puts rows of the next tokens behind those kept.
  private mutating func keep(_ tokens: HybridTokens, _ rows: Range<Int>) {
    if shape.keepsKeys { kept.append(tokens, rows) }
    if shape.keepsSinks { sinks.append(tokens, rows.prefix(max(0, shape.sinks - position))) }
  }

  /// Features of the keys that leave the window with the next rows: only then are they needed.
  private func features(of leaving: Range<Int>, _ tokens: HybridTokens, _ rows: Range<Int>)
    -> Tensor?
  {
    if leaving.isEmpty || !shape.keepsSums { return nil }
    let keys =
      shape.keepsKeys
      ? kept.keys.first(leaving.count) : copiedRows(tokens.keys, rows.prefix(leaving.count))
    let features = tokens.keyFeatures(keys, leaving.map(Int32.init))
    precondition(
      features.shape == [leaving.count, shape.featureWidth],
      "features of \(features.shape) for \(leaving.count) keys of \(shape)")
    return features
  }

  /// What the parts say of the next rows, which are one chunk; then reads keys that no later query
  /// sees through softmax into the sums.
  private mutating func read(
    _ tokens: HybridTokens, _ rows: Range<Int>, _ parts: [HybridAttentionShape], factors: [Float],
    into results: HybridResults
  ) {
    let (shape, position, keyWidth) = (shape, position, shape.attention.keyWidth)
    let end = position + rows.count
    let leaving = firstKept(after: position)..<firstKept(after: end)
    let features = features(of: leaving, tokens, rows)
    // Without a window no key is kept.
    let (keys, values, offset) =
      shape.keepsKeys
      ? (kept.keys.buffer, kept.values.buffer, 0)
      : (tokens.keys, tokens.values, rows.lowerBound * keyWidth)
    withPointers(
      writing(&sums), writing(&normalizers), tokens.queries, tokens.queryFeatures, keys, values,
      features, sinks.keys.buffer, sinks.values.buffer
    ) { sums, normalizers, queries, queryFeatures, keys, values, features, sinkKeys, sinkValues in
      WorkerPool.shared.parallel(shape.attention.queryHeads) { slot in
        let (d, f) = (shape.attention.headDim, shape.featureDim)
        let keyOffset = slot / shape.attention.group * d
        let near = HybridKeys(
          firstPosition: leaving.lowerBound, keys: keys + offset + keyOffset,
          values: values + offset + keyOffset,
          // Where there are no features nothing reads them.
          features: features.map { $0 + slot * f } ?? keys, featureRows: leaving.count)
        let head = { (part: HybridAttentionShape) in
          HybridHead(
            shape: part, logit: shape.window == .none ? 0 : factors[slot],
            segment: .init(start: 0, count: rows.count), firstQuery: position,
            queries: queries + rows.lowerBound * shape.attention.queryWidth + slot * d,
            queryFeatures: queryFeatures + rows.lowerBound * part.featureWidth
              + slot * part.featureDim,
            near: near, sinkKeys: sinkKeys + keyOffset, sinkValues: sinkValues + keyOffset)
        }
        var state = HybridState(
          sums: sums + slot * f * d, normalizer: normalizers + slot * f,
          absorbed: leaving.lowerBound)
        for (index, part) in parts.enumerated() {
          let chunk = HybridChunk(position..<end, of: end, part)
          results.put(head(part), chunk, state, part: index, row: rows.lowerBound, slot: slot)
        }
        head(shape).absorb(leaving, into: &state)
      }
    }
  }
}

/// Keys and values of consecutive tokens.
private struct KeyRows {
  private(set) var keys, values: KeptRows

  /// None.
  init(width: Int) {
    keys = KeptRows(width: width)
    values = keys
  }

  mutating func take(from memory: inout Memory, _ prefix: String) {
    keys = memory.take(rows: prefix + "keys")
    values = memory.take(rows: prefix + "values")
  }

  func put(into memory: inout Memory, _ prefix: String) {
    memory[rows: prefix + "keys"] = keys
    memory[rows: prefix + "values"] = values
  }

  mutating func append(_ tokens: HybridTokens, _ rows: Range<Int>) {
    withPointers(tokens.keys, tokens.values) {
      keys.append($0 + rows.lowerBound * keys.width, rows: rows.count)
      values.append($1 + rows.lowerBound * keys.width, rows: rows.count)
    }
  }

  mutating func dropFirst(_ dropped: Int) {
    keys.dropFirst(dropped)
    values.dropFirst(dropped)
  }
}

/// Where what the parts of a shape say of tokens is put.
private struct HybridResults {
  let numerators, denominators, logScales: [UnsafeMutablePointer<Float>]
  let attention: AttentionShape
  let divides: Bool

  /// - Parameters:
  ///   - row: of the chunk's first query.
  ///   - slot: of the head.
  func put(
    _ head: HybridHead, _ chunk: HybridChunk, _ state: HybridState, part: Int, row: Int, slot: Int
  ) {
    let place = row * attention.queryHeads + slot
    head.forward(
      chunk, state: state, output: numerators[part] + place * attention.headDim,
      maxima: logScales[part] + place, normalizers: denominators[part] + place, divides: divides)
  }
}
