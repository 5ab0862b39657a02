/// A projection, `[outputs, inputs]`.
public struct Projection {
  /// The matrix, `[outputs, inputs]`.
  public internal(set) var weight: Weight
  /// What is added to the product, `[outputs]`; nil for nothing.
  public internal(set) var bias: Weight?

  init(_ weight: Weight, bias: Weight? = nil) {
    self.weight = weight
    self.bias = bias
  }

  mutating func visit(_ name: String, _ body: WeightVisitor) {
    body("\(name).weight", &weight)
    if bias != nil { body("\(name).bias", &bias!) }
  }
}

/// What every family's attention has, whether its checkpoints keep them apart or fused, so that
/// all mixers and adapters fit it.
public struct AttentionProjections {
  /// The four projections of the attention.
  public internal(set) var queries, keys, values, output: Projection
  /// Of projected queries and keys, before positions are applied: of every head, or of their whole
  /// width, as long as their weights are.
  public internal(set) var queryNorm, keyNorm: Norm?

  init(
    queries: Projection, keys: Projection, values: Projection, output: Projection,
    queryNorm: Norm? = nil, keyNorm: Norm? = nil
  ) {
    self.queries = queries
    self.keys = keys
    self.values = values
    self.output = output
    self.queryNorm = queryNorm
    self.keyNorm = keyNorm
  }

  /// The projection of this role, without its adapter.
  public subscript(role: AttentionProjection) -> Projection {
    switch role {
    case .queries: queries
    case .keys: keys
    case .values: values
    case .output: output
    }
  }

  mutating func visit(_ prefix: String, _ body: WeightVisitor) {
    queries.visit("\(prefix)q_proj", body)
    keys.visit("\(prefix)k_proj", body)
    values.visit("\(prefix)v_proj", body)
    output.visit("\(prefix)o_proj", body)
    queryNorm?.visit(prefix, body)
    keyNorm?.visit(prefix, body)
  }
}
