import TensorCore

/// A projection, `[outputs, inputs]`, in its stored type.
public struct Projection: Sendable {
  public let weight: StoredTensor
  public let bias: Tensor?

  init(_ weight: StoredTensor, bias: Tensor? = nil) {
    self.weight = weight
    self.bias = bias
  }
}

public struct NormWeights: Sendable {
  public let weight: Tensor
  /// Layer norm only.
  public let bias: Tensor?

  init(_ weight: Tensor, bias: Tensor? = nil) {
    self.weight = weight
    self.bias = bias
  }
}

public struct BlockWeights: Sendable {
  public let attentionNorm, feedForwardNorm: NormWeights
  public let queries, keys, values, output: Projection
  /// `[headDim]` each.
  public var queryNorm, keyNorm: Tensor?
  /// Gated feed-forward only.
  public let gate: Projection?
  public let up, down: Projection
}

public struct DecoderWeights: Sendable {
  public let embedding: StoredTensor
  /// Learned positions, `[maximumPositions, hiddenSize]`.
  public let positions: StoredTensor?
  public let blocks: [BlockWeights]
  public let finalNorm: NormWeights
  /// `[vocabularySize, hiddenSize]`; the embedding when tied.
  public let head: StoredTensor
}
