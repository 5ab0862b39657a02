extension RecurrentShape {
  /// Floating-point operations of `deltaRule`, forward, a token: those of its products, in the chunks
  /// that it makes them in. A multiplication and the addition of what it gives are two.
  ///
  /// - Parameter isPerChannel: whether every channel decays at its own rate.
  public func deltaRuleOperations(isPerChannel: Bool) -> Double {
    let (f, d) = (Double(keyDim), Double(valueDim))
    let length = Double(DeltaRuleHead.chunkLength)
    // Of removals and queries with writes and keys, four kinds; pair by pair those to come are left
    // out, and decays are multiplied in.
    let pairs = isPerChannel ? (length + 1) / 2 * 10 * f : length * 8 * f
    // What removals find of values and of what other removals wrote, what queries find of both.
    let within = (2 * length + (length - 1) + 4 * length) * d
    // The state is read and written for removals as for queries.
    return Double(queryHeads) * (pairs + within + 8 * f * d)
  }

  /// Numbers that `deltaRule` keeps for its backward pass beside its operands, a token.
  public var deltaRuleKeptElements: Double {
    let interval = DeltaRuleHead.chunkLength * DeltaRuleHead.chunksPerState
    return Double(outputWidth) + Double(queryHeads * stateCount) / Double(interval)
  }
}
