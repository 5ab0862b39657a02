extension RecurrentShape {
  /// Floating-point operations of `gatedLinearAttention`, forward, a token: those of its products, in
  /// the chunks that it makes them in. A multiplication and the addition of what it gives are two.
  ///
  /// - Parameter isPerChannel: whether every channel decays at its own rate.
  public func gatedLinearAttentionOperations(isPerChannel: Bool) -> Double {
    let (f, d) = (Double(keyDim), Double(valueDim))
    let length = Double(isPerChannel ? ChannelDecayChunk.length : ScalarDecayChunk.length)
    // Pair by pair those to come are left out, and decays are multiplied in.
    let pairs = isPerChannel ? (length + 1) / 2 * 3 * f : length * 2 * f
    // Of weights with values, of the state read, and of it written.
    return Double(queryHeads) * (pairs + 2 * length * d + 4 * f * d)
  }
}
