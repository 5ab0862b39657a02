import Differentiation
import Operations
import TensorCore

/// A feature map of one layer, and the trained projections of queries and keys before it.
final class LearnedFeatureMap {
  private let specification: FeatureMapSpecification
  private let map: any FeatureMap
  private let attention: AttentionShape
  private let dim: Int
  /// nil where the map acts on queries and keys themselves.
  private let queryProjection: HeadProjection?
  private let keyProjection: HeadProjection?

  init(_ specification: FeatureMapSpecification, _ geometry: LayerGeometry, seed: UInt64) {
    self.specification = specification
    attention = geometry.attention
    dim = specification.dim(attention)
    map = specification.map.drawn(
      dim: dim, scale: specification.scale(attention), seed: seed, layer: geometry.layer)
    guard specification.projection == .learned else {
      queryProjection = nil
      keyProjection = nil
      return
    }
    // The key map starts as a copy of the query map, as in LoLCATs.
    let query = HeadProjection(specification, geometry, name: "feature_map_q", seed: seed)
    queryProjection = query
    keyProjection =
      specification.isTied ? query : HeadProjection(copying: query, name: "feature_map_k")
  }

  var parameters: [Parameter] {
    let query = queryProjection?.parameters ?? []
    return specification.isTied ? query : query + (keyProjection?.parameters ?? [])
  }

  var constants: [(name: String, value: Tensor)] {
    map.constants.map { ("feature_map.\($0.name)", $0.value) }
  }

  var featureDim: Int { map.featureDim(of: dim) }
  var maximumLength: Int? { map.maximumLength }

  /// `[tokens, queryHeads * headDim] -> [tokens, queryHeads * featureDim]`.
  func queryFeatures(_ queries: Variable, positions: [Int32], on tape: Tape) -> Variable {
    features(queries, .queries, queryProjection, positions: positions, on: tape)
  }

  /// `[tokens, keyValueHeads * headDim] -> [tokens, queryHeads * featureDim]`.
  func keyFeatures(_ keys: Variable, positions: [Int32], on tape: Tape) -> Variable {
    let features = features(keys, .keys, keyProjection, positions: positions, on: tape)
    if keyProjection != nil { return features }
    // Without projections the query heads of a group have one map of their common key.
    return tape.repeatedOverGroups(
      features,
      AttentionShape(
        queryHeads: attention.queryHeads, keyValueHeads: attention.keyValueHeads,
        headDim: featureDim))
  }

  /// The same for keys that are there later than their queries: those of a memory.
  func keyFeatures(on tape: Tape) -> Tape.KeyFeatures {
    { keys, positions in self.keyFeatures(keys, positions: positions, on: tape) }
  }

  /// Of the features of a token's queries and keys, which are kept; so is what they are made of
  /// where the map's gradient reads it.
  var cost: MixerCost {
    let (heads, keyHeads) = (attention.queryHeads, attention.keyValueHeads)
    var cost = MixerCost.kept(2 * heads * featureDim)
    guard queryProjection != nil else {
      // Queries and keys themselves are there anyway, features of keys once for every query head.
      let isRepeated = keyHeads < heads && map.keepsFeatures
      cost += .kept(isRepeated ? keyHeads * featureDim : 0)
      cost.operations += Double(heads + keyHeads) * map.operations(of: dim)
      return cost
    }
    cost += .product(attention.headDim, 2 * heads * dim)
    cost += .kept(map.keepsCoordinates ? 2 * heads * dim : 0)
    cost.operations += Double(2 * heads) * map.operations(of: dim)
    return cost
  }

  private func features(
    _ x: Variable, _ side: FeatureMapInput.Side, _ projection: HeadProjection?,
    positions: [Int32], on tape: Tape
  ) -> Variable {
    let coordinates =
      projection?.apply(
        x, heads: side == .queries ? attention.queryHeads : attention.keyValueHeads, on: tape) ?? x
    return map.features(
      FeatureMapInput(
        coordinates, dim: dim, side: side, scale: specification.scale(attention),
        positions: positions),
      on: tape)
  }
}

/// `u = x W + b (+ x)`, one W a query head.
private final class HeadProjection {
  private let weight: Parameter
  private let bias: Parameter?
  private let attention: AttentionShape
  private let dim: Int
  private let skipConnection: Bool

  init(
    _ specification: FeatureMapSpecification, _ geometry: LayerGeometry, name: String, seed: UInt64
  ) {
    attention = geometry.attention
    dim = specification.dim(attention)
    skipConnection = specification.skipConnection
    weight = Parameter(
      name: "\(name).mlp.layer",
      value: Self.initialWeight(
        specification, heads: attention.queryHeads, headDim: attention.headDim, projectionDim: dim,
        seed: seed, layer: geometry.layer))
    bias =
      specification.hasBias
      ? Parameter(
        name: "\(name).mlp.bias",
        value: Self.initialBias(
          specification.biasShape, heads: attention.queryHeads, projectionDim: dim, seed: seed,
          layer: geometry.layer)) : nil
  }

  init(copying other: HeadProjection, name: String) {
    attention = other.attention
    dim = other.dim
    skipConnection = other.skipConnection
    weight = Parameter(name: "\(name).mlp.layer", value: other.weight.value)
    bias = other.bias.map { Parameter(name: "\(name).mlp.bias", value: $0.value) }
  }

  var parameters: [Parameter] { [weight] + [bias].compactMap { $0 } }

  func apply(_ x: Variable, heads: Int, on tape: Tape) -> Variable {
    tape.featureProjection(
      x, weight: tape.parameter(weight), bias: bias.map(tape.parameter),
      shape: FeatureProjectionShape(
        queryHeads: attention.queryHeads, inputHeads: heads, headDim: attention.headDim,
        projectionDim: dim, skipConnection: skipConnection))
  }

  private static func initialWeight(
    _ specification: FeatureMapSpecification, heads: Int, headDim: Int, projectionDim: Int,
    seed: UInt64, layer: Int
  ) -> Tensor {
    let shape: Shape = [heads, headDim, projectionDim]
    switch specification.initialization {
    case .kaiming:
      let bound = (6 / Float(headDim * projectionDim)).squareRoot()
      var generator = SeededGenerator(seed: seed, purpose: "featureMap.weight.\(layer)")
      return .uniform(shape, in: -bound...bound, using: &generator)
    case .identity where !specification.skipConnection:
      return identityMatrices(shape)
    case .identity, .zero:
      return Tensor(zeros: shape)
    }
  }

  private static func initialBias(
    _ biasShape: FeatureMapSpecification.BiasShape, heads: Int, projectionDim: Int, seed: UInt64,
    layer: Int
  ) -> Tensor {
    switch biasShape {
    case .head:
      // PyTorch's Kaiming rule on the LoLCATs tensor `[1, heads, 1, 1]`.
      let bound = (6 / Float(heads)).squareRoot()
      var generator = SeededGenerator(seed: seed, purpose: "featureMap.bias.\(layer)")
      return .uniform([1, heads, 1, 1], in: -bound...bound, using: &generator)
    case .coordinate:
      return Tensor(zeros: [1, heads, 1, projectionDim])
    }
  }
}
