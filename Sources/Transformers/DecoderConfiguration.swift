import Operations

/// A transformer of one stack of blocks, whatever its family: what the blocks compute, and their
/// sizes. One whose attention is not causal is an encoder: it has no next token to predict.
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
  /// Norms stand behind the residual sums, `x = norm₁(x + attention(x))`, `x = norm₂(x + mlp(x))`,
  /// as in BERT; no norm is left for the end.
  public var hasPostNorm = false
  /// Every head of queries and keys is RMS-normalised before positions are applied, as Qwen3.
  public var hasQueryKeyNorm = false
  /// Keys a query sees, its own included; nil: all. One entry a layer.
  public var slidingWindows: [Int?]
  /// The head is the embedding table.
  public var tiesHead: Bool
  /// Whether hidden states are turned into logits at all.
  public var hasHead = true
  /// Rows of the table of token types that is added to the embedding; 0: none. Every token is of
  /// the first type.
  public var tokenTypes = 0
  /// The sum of embeddings is normalised before the first block.
  public var hasEmbeddingNorm = false
}

extension DecoderConfiguration {
  /// Every token sees the whole text: no next token is predicted, none is decoded.
  public var isEncoder: Bool { !attention.isCausal }

  /// Elements of the embedding table, and of a head of its own.
  public var tableParameters: Int {
    vocabularySize * hiddenSize * (hasHead && !tiesHead ? 2 : 1)
  }

  /// Parameters of the decoder, biases and norms left out: for estimates.
  public var approximateParameters: Int {
    let attention =
      hiddenSize * (2 * self.attention.queryWidth + 2 * self.attention.keyWidth)
    let feedForward = hiddenSize * intermediateSize * (isGated ? 3 : 2)
    return layers * (attention + feedForward) + tableParameters
  }
}
