import TensorCore

/// A projection, `[outputs, inputs]`.
public struct Projection {
  public internal(set) var weight: Weight
  public internal(set) var bias: Weight?

  init(_ weight: Weight, bias: Weight? = nil) {
    self.weight = weight
    self.bias = bias
  }
}

public struct NormWeights {
  public internal(set) var weight: Weight
  /// Layer norm only.
  public internal(set) var bias: Weight?

  init(_ weight: Weight, bias: Weight? = nil) {
    self.weight = weight
    self.bias = bias
  }
}

public struct BlockWeights {
  public internal(set) var attentionNorm, feedForwardNorm: NormWeights
  public internal(set) var queries, keys, values, output: Projection
  /// `[headDim]` each.
  public internal(set) var queryNorm, keyNorm: Weight?
  /// Gated feed-forward only.
  public internal(set) var gate: Projection?
  public internal(set) var up, down: Projection
}

public struct DecoderWeights {
  public internal(set) var embedding: Weight
  /// Learned positions, `[maximumPositions, hiddenSize]`.
  public internal(set) var positions: Weight?
  /// `[tokenTypes, hiddenSize]`.
  public internal(set) var tokenTypes: Weight?
  public internal(set) var embeddingNorm: NormWeights?
  public internal(set) var blocks: [BlockWeights]
  /// nil where every block ends with a norm.
  public internal(set) var finalNorm: NormWeights?
  /// `[vocabularySize, hiddenSize]`; shows the embedding's values when tied, but names the place
  /// that a head of its own would have. nil in an encoder.
  public internal(set) var head: Weight?
}

// MARK: Names

/// A weight as a visitor of them all sees it: under Llama's spelling, whatever the family's.
typealias WeightVisitor = (_ name: String, _ weight: inout Weight) -> Void

extension Projection {
  mutating func visit(_ name: String, _ body: WeightVisitor) {
    body("\(name).weight", &weight)
    if bias != nil { body("\(name).bias", &bias!) }
  }
}

extension NormWeights {
  mutating func visit(_ name: String, _ body: WeightVisitor) {
    body("\(name).weight", &weight)
    if bias != nil { body("\(name).bias", &bias!) }
  }
}

extension BlockWeights {
  mutating func visit(_ prefix: String, _ body: WeightVisitor) {
    attentionNorm.visit("\(prefix).input_layernorm", body)
    queries.visit("\(prefix).self_attn.q_proj", body)
    keys.visit("\(prefix).self_attn.k_proj", body)
    values.visit("\(prefix).self_attn.v_proj", body)
    output.visit("\(prefix).self_attn.o_proj", body)
    if queryNorm != nil { body("\(prefix).self_attn.q_norm.weight", &queryNorm!) }
    if keyNorm != nil { body("\(prefix).self_attn.k_norm.weight", &keyNorm!) }
    feedForwardNorm.visit("\(prefix).post_attention_layernorm", body)
    if gate != nil { gate!.visit("\(prefix).mlp.gate_proj", body) }
    up.visit("\(prefix).mlp.up_proj", body)
    down.visit("\(prefix).mlp.down_proj", body)
  }
}

extension DecoderWeights {
  static let headName = "lm_head.weight"

  /// From the embedding to the head.
  mutating func visit(_ body: WeightVisitor) {
    body("model.embed_tokens.weight", &embedding)
    if positions != nil { body("model.embed_positions.weight", &positions!) }
    if tokenTypes != nil { body("model.embed_token_types.weight", &tokenTypes!) }
    if embeddingNorm != nil { embeddingNorm!.visit("model.embed_norm", body) }
    for index in blocks.indices { blocks[index].visit("model.layers.\(index)", body) }
    if finalNorm != nil { finalNorm!.visit("model.norm", body) }
    if head != nil { body(Self.headName, &head!) }
  }

  /// The checkpoint's weights alone.
  public var original: DecoderWeights {
    var weights = self
    weights.visit { $1 = $1.original }
    return weights
  }
}
