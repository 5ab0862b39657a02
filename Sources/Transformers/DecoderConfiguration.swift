import Operations

/// A transformer of one stack of blocks, whatever its family: its sizes, and what layers' attention
/// has in common. How a block computes is its `Block`'s. One whose attention is not causal is an
/// encoder: it has no next token to predict.
public struct DecoderConfiguration: Sendable, Equatable {
  /// How the model knows positions.
  public enum Positions: Sendable, Equatable {
    /// Queries and keys are rotated; one entry a layer, nil where a layer knows no positions.
    case rotary([RotaryEmbedding?])
    /// A trained vector a position, added to the embedding; the context ends with the table.
    case learned
  }

  /// As the checkpoint's `model_type`.
  public var family: String
  /// Width of the residual stream.
  public var hiddenSize: Int
  /// Number of blocks.
  public var layers: Int
  /// Heads of every layer's attention.
  public var attention: AttentionShape
  /// Width of the feed-forward network's inner layer.
  public var intermediateSize: Int
  /// Form and activation of the feed-forward network.
  public var feedForward: FeedForward.Kind
  /// Rows of the embedding table.
  public var vocabularySize: Int
  /// Longest context of the pretraining, in tokens.
  public var maximumPositions: Int
  /// How the model knows positions.
  public var positions: Positions
  /// Keys a query sees, its own included; nil: all. One entry a layer.
  public var slidingWindows: [Int?]
  /// The head is the embedding table.
  public var tiesHead: Bool
  /// What becomes of the head's products.
  public var logits: ScoreTransform
  /// What embedded tokens are multiplied by; nil: nothing.
  public var embeddingScale: Float?

  /// A configuration; what has a default is as in Llama.
  public init(
    family: String, hiddenSize: Int, layers: Int, attention: AttentionShape,
    intermediateSize: Int, feedForward: FeedForward.Kind, vocabularySize: Int,
    maximumPositions: Int, positions: Positions, slidingWindows: [Int?]? = nil, tiesHead: Bool,
    logits: ScoreTransform = .identity, embeddingScale: Float? = nil
  ) {
    self.family = family
    self.hiddenSize = hiddenSize
    self.layers = layers
    self.attention = attention
    self.intermediateSize = intermediateSize
    self.feedForward = feedForward
    self.vocabularySize = vocabularySize
    self.maximumPositions = maximumPositions
    self.positions = positions
    self.slidingWindows = slidingWindows ?? Array(repeating: nil, count: layers)
    self.tiesHead = tiesHead
    self.logits = logits
    self.embeddingScale = embeddingScale
  }
}

extension DecoderConfiguration {
  /// Every token sees the whole text: no next token is predicted, none is decoded.
  public var isEncoder: Bool { !attention.isCausal }

  /// Whether hidden states are turned into logits at all.
  public var hasHead: Bool { !isEncoder }

  /// Elements of the embedding table, and of a head of its own.
  public var tableParameters: Int {
    vocabularySize * hiddenSize * (hasHead && !tiesHead ? 2 : 1)
  }

  /// Parameters of the decoder, biases and norms left out: for estimates.
  public var approximateParameters: Int {
    let attention =
      hiddenSize * (2 * self.attention.queryWidth + 2 * self.attention.keyWidth)
    return layers * (attention + hiddenSize * intermediateSize * feedForward.matrices)
      + tableParameters
  }
}
