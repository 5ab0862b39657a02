import Differentiation
import Documents
import Operations
import TensorCore

/// The recipe's `featureMap` object: a learned projection per head and a nonlinearity.
public struct FeatureMapSpecification: Sendable {
  public enum Initialization: String, CaseIterable, Sendable {
    /// The leading coordinates pass unchanged; with a skip connection, W = 0 does the same.
    case identity
    /// Uniform in ±sqrt(6 / (headDim * projectionDim)): PyTorch's Kaiming rule on the LoLCATs
    /// tensor of `[heads, headDim, projectionDim]`, whose fan-in it takes to be the product of the
    /// last two dimensions.
    case kaiming
    /// W = 0, which only a skip connection makes useful.
    case zero
  }

  public let map: any FeatureMap
  /// Projected coordinates a head; nil: as many as the head has.
  public let projectionDim: Int?
  public let initialization: Initialization
  public let hasBias: Bool
  public let skipConnection: Bool
  /// Queries and keys share one map.
  public let isTied: Bool

  public init(_ reader: DocumentReader) {
    let names = StudentRegistry.featureMaps.map { $0.name }
    let name = reader.word(
      "kind", of: names, default: SoftmaxFeatureMap.name, "Nonlinearity of the feature map")
    if reader.isDescribing {
      map = StudentRegistry.featureMaps.map { $0.init(reader) }.last!
    } else {
      map = (StudentRegistry.featureMaps.first { $0.name == name } ?? SoftmaxFeatureMap.self)
        .init(reader)
    }
    projectionDim = reader.optionalInteger(
      "projectionDim", in: 1...65536, "Coordinates a head is projected to; default: the head's own")
    skipConnection = reader.boolean(
      "skipConnection", default: false, "Add the head itself to its projection")
    initialization = reader.choice(
      "initialization", default: Initialization.identity, "Initial projection")
    hasBias = reader.boolean(
      "bias", default: false, "Add a trained scalar a head to the projection")
    isTied = reader.boolean("tied", default: false, "Queries and keys share one map")
    if initialization == .zero, !skipConnection {
      reader.report(
        "initialization",
        "a zero projection without \"skipConnection\": true makes every feature equal; use \"identity\" or \"kaiming\", or set skipConnection"
      )
    }
  }

  func conflicts(with geometry: LayerGeometry) -> [String] {
    let headDim = geometry.attention.headDim
    if skipConnection, let projectionDim, projectionDim != headDim {
      return [
        "featureMap.skipConnection needs projectionDim \(headDim), the teacher's head dimension; found \(projectionDim)"
      ]
    }
    return []
  }
}

/// A feature map of one layer: trained projections for queries and keys.
final class LearnedFeatureMap {
  private let specification: FeatureMapSpecification
  private let headDim: Int
  private let projectionDim: Int
  private let queryWeight: Parameter
  private let queryBias: Parameter?
  private let keyWeight: Parameter
  private let keyBias: Parameter?
  private let attention: AttentionShape

  init(_ specification: FeatureMapSpecification, _ geometry: LayerGeometry, seed: UInt64) {
    self.specification = specification
    attention = geometry.attention
    headDim = attention.headDim
    projectionDim = specification.projectionDim ?? headDim
    let heads = attention.queryHeads
    let (headDim, projectionDim) = (headDim, projectionDim)
    // The key map starts as a copy of the query map, as in LoLCATs.
    let weight = Self.initialWeight(
      specification, heads: heads, headDim: headDim, projectionDim: projectionDim, seed: seed,
      layer: geometry.layer)
    let bias =
      specification.hasBias
      ? Self.initialBias(heads: heads, seed: seed, layer: geometry.layer) : nil
    queryWeight = Parameter(name: "feature_map_q.mlp.layer", value: weight)
    queryBias = bias.map { Parameter(name: "feature_map_q.mlp.bias", value: $0) }
    if specification.isTied {
      keyWeight = queryWeight
      keyBias = queryBias
    } else {
      keyWeight = Parameter(name: "feature_map_k.mlp.layer", value: weight)
      keyBias = bias.map { Parameter(name: "feature_map_k.mlp.bias", value: $0) }
    }
  }

  var parameters: [Parameter] {
    let query = [queryWeight, queryBias].compactMap { $0 }
    return specification.isTied ? query : query + [keyWeight, keyBias].compactMap { $0 }
  }

  var featureDim: Int { specification.map.featureDim(projectionDim: projectionDim) }

  func queryFeatures(_ queries: Variable, on tape: Tape) -> Variable {
    features(queries, heads: attention.queryHeads, queryWeight, queryBias, on: tape)
  }

  func keyFeatures(_ keys: Variable, on tape: Tape) -> Variable {
    features(keys, heads: attention.keyValueHeads, keyWeight, keyBias, on: tape)
  }

  private func features(
    _ x: Variable, heads: Int, _ weight: Parameter, _ bias: Parameter?, on tape: Tape
  ) -> Variable {
    let projected = tape.featureProjection(
      x, weight: tape.parameter(weight), bias: bias.map(tape.parameter),
      shape: FeatureProjectionShape(
        queryHeads: attention.queryHeads, inputHeads: heads, headDim: headDim,
        projectionDim: projectionDim, skipConnection: specification.skipConnection))
    return specification.map.features(projected, projectionDim: projectionDim, on: tape)
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
      var weight = Tensor(zeros: shape)
      weight.withMutablePointer {
        for head in 0..<heads {
          for index in 0..<min(headDim, projectionDim) {
            $0[(head * headDim + index) * projectionDim + index] = 1
          }
        }
      }
      return weight
    case .identity, .zero:
      return Tensor(zeros: shape)
    }
  }

  /// Uniform in ±sqrt(6 / heads): PyTorch's Kaiming rule on the LoLCATs tensor `[1, heads, 1, 1]`.
  private static func initialBias(heads: Int, seed: UInt64, layer: Int) -> Tensor {
    let bound = (6 / Float(heads)).squareRoot()
    var generator = SeededGenerator(seed: seed, purpose: "featureMap.bias.\(layer)")
    return .uniform([1, heads, 1, 1], in: -bound...bound, using: &generator)
  }
}
