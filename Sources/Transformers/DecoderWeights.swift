import TensorCore

/// A model's tensors: what stands before, in and behind its blocks.
public struct DecoderWeights {
  /// The table of tokens, `[vocabularySize, hiddenSize]`.
  public internal(set) var embedding: Weight
  /// Learned positions, `[maximumPositions, hiddenSize]`.
  public internal(set) var positions: Weight?
  /// Of token types, `[types, hiddenSize]`; every token is of the first.
  public internal(set) var tokenTypes: Weight?
  /// Of the sum of embeddings.
  public internal(set) var embeddingNorm: Norm?
  /// The weights of every layer.
  public internal(set) var blocks: [Block]
  /// nil where every block ends with a norm.
  public internal(set) var finalNorm: Norm?
  /// `[vocabularySize, hiddenSize]`; shows the embedding's values when tied, but names the place
  /// that a head of its own would have. nil in an encoder.
  public internal(set) var head: Weight?
}

/// A weight as a visitor of them all sees it: under Llama's spelling, whatever the family's.
typealias WeightVisitor = (_ name: String, _ weight: inout Weight) -> Void

extension DecoderWeights {
  static let headName = "lm_head.weight"

  /// From the embedding to the head.
  mutating func visit(_ body: WeightVisitor) {
    body("model.embed_tokens.weight", &embedding)
    if positions != nil { body("model.embed_positions.weight", &positions!) }
    if tokenTypes != nil { body("model.embed_token_types.weight", &tokenTypes!) }
    embeddingNorm?.visit("model.", body)
    for index in blocks.indices { blocks[index].visit("model.layers.\(index).", body) }
    finalNorm?.visit("model.", body)
    if head != nil { body(Self.headName, &head!) }
  }

  /// The checkpoint's weights alone.
  public var original: DecoderWeights {
    var weights = self
    weights.visit { $1 = $1.original }
    return weights
  }
}
