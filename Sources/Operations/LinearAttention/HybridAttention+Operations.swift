extension HybridAttentionShape {
  /// Floating-point operations of `hybridAttention`, forward, a token of a sequence of so many: those
  /// of its products, in the chunks that it makes them in. A multiplication and the addition of what
  /// it gives are two.
  public func operations(length: Int) -> Double {
    let (f, d) = (featureDim, attention.headDim)
    var total = 0
    var absorbed = 0
    for chunk in chunks(of: length) {
      let queries = chunk.queries.count
      let scores = hasWindow ? chunk.columns * d : 0
      let features = chunk.hasLinearNear ? chunk.nearColumns * f : 0
      total += 2 * queries * (scores + features + chunk.columns * d)
      guard chunk.nearStart > sinks else { continue }
      // Of the state read, and of keys that enter it.
      total += 2 * f * d * (queries + chunk.nearStart - absorbed)
      absorbed = chunk.nearStart
    }
    return Double(attention.queryHeads * total) / Double(max(1, length))
  }

  func chunks(of length: Int) -> [HybridChunk] {
    let step = window.chunkLength
    return stride(from: 0, to: length, by: step).map {
      HybridChunk($0..<min(length, $0 + step), of: length, self)
    }
  }
}
