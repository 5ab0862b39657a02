import Students

/// Where the sequences end that a decoder can read, and why there.
public struct LengthLimit: Sendable, Equatable {
  /// Tokens of the longest sequence.
  public let tokens: Int
  /// What ends there, as the end of "the model has …".
  public let reason: String
}

extension Decoder {
  /// The shorter of learned positions and what mixers were made for; nil where sequences have no
  /// end, as with rotary positions and most students.
  public var lengthLimit: LengthLimit? {
    var limits: [LengthLimit] = []
    if configuration.positions == .learned {
      let positions = configuration.maximumPositions
      limits.append(LengthLimit(tokens: positions, reason: "learned \(positions) positions"))
    }
    if let tokens = layers.compactMap(\.mixer.maximumLength).min() {
      limits.append(
        LengthLimit(
          tokens: tokens,
          reason: "a feature map for sequences of at most \(tokens) tokens (its maximumLength)"))
    }
    return limits.min { $0.tokens < $1.tokens }
  }
}
