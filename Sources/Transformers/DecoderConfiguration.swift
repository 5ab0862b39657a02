import Operations

/// A decoder-only transformer, whatever its family: what the blocks compute, and their sizes.
public struct DecoderConfiguration: Sendable, Equatable {
  public enum Normalization: Sendable, Equatable {
    case rms(epsilon: Float)
    case layer(epsilon: Float)
  }

  public enum Positions: Sendable, Equatable {
    case rotary(RotaryEmbedding)
    /// A trained vector a position, added to the embedding; the context ends with the table.
    case learned
  }

  /// As the checkpoint's `model_type`.
  public var family: String
  public var hiddenSize: Int
  public var layers: Int
  public var attention: AttentionShape
  public var intermediateSize: Int
  public var vocabularySize: Int
  /// Longest context of the pretraining, in tokens.
  public var maximumPositions: Int
  public var normalization: Normalization
  public var positions: Positions
  public var activation: Activation
  /// `down(act(gate x) ⊙ up x)` instead of `down(act(up x))`.
  public var isGated: Bool
  /// `x + attention(norm₁ x) + mlp(norm₂ x)`, as GPT-NeoX.
  public var hasParallelResidual = false
  /// Every head of queries and keys is RMS-normalised before positions are applied, as Qwen3.
  public var hasQueryKeyNorm = false
  /// Keys a query sees, its own included; nil: all. One entry a layer.
  public var slidingWindows: [Int?]
  /// The head is the embedding table.
  public var tiesHead: Bool
}

extension DecoderConfiguration {
  /// Parameters of the decoder, biases and norms left out: for estimates.
  public var approximateParameters: Int {
    let attention =
      hiddenSize * (2 * self.attention.queryWidth + 2 * self.attention.keyWidth)
    let feedForward = hiddenSize * intermediateSize * (isGated ? 3 : 2)
    return layers * (attention + feedForward) + vocabularySize * hiddenSize * (tiesHead ? 1 : 2)
  }
}
