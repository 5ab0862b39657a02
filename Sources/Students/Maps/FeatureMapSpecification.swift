import Differentiation
import Documents
import Operations

/// What a feature map puts before itself where the recipe does not say.
public struct ProjectionDefaults: Sendable {
  var projection = FeatureMapSpecification.Projection.learned
  var initialization = FeatureMapSpecification.Initialization.identity
  var hasBias = false
  var biasShape = FeatureMapSpecification.BiasShape.head

  /// For maps without trained parameters.
  static let none = ProjectionDefaults(projection: .none, biasShape: .coordinate)
}

/// The recipe's `featureMap` object: a nonlinearity, and what is trained before it.
public struct FeatureMapSpecification: Sendable {
  /// What stands between a head's coordinates and the map.
  public enum Projection: String, CaseIterable, Sendable {
    /// `u = x W + b`, one W a head, trained.
    case learned
    /// `u = x`: the map acts on queries and keys themselves and nothing is trained.
    case none
  }

  /// What the projection's matrices are at the start.
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

  /// How many numbers a projection's bias has.
  public enum BiasShape: String, CaseIterable, Sendable {
    /// One scalar a head, uniform in ±sqrt(6 / heads) at the start (T2R in the LoLCATs code).
    case head
    /// One number a projected coordinate, 0 at the start (Hedgehog, T2R).
    case coordinate
  }

  /// The nonlinearity.
  public let map: any FeatureMap
  /// What stands before it.
  public let projection: Projection
  /// Projected coordinates a head; nil: as many as the head has.
  public let projectionDim: Int?
  /// What the projection's matrices are at the start.
  public let initialization: Initialization
  /// Whether the projection has a bias.
  public let hasBias: Bool
  /// How many numbers that bias has.
  public let biasShape: BiasShape
  /// Whether the coordinates are added to their projection.
  public let skipConnection: Bool
  /// Queries and keys share one map.
  public let isTied: Bool

  /// Reads the `featureMap` of a student.
  public init(_ reader: DocumentReader) {
    let types = StudentRegistry.featureMaps
    let name = reader.word(
      "kind", of: types.map { $0.name }, default: SoftmaxFeatureMap.name,
      "Nonlinearity of the feature map")
    let type = types.first { $0.name == name } ?? SoftmaxFeatureMap.self
    map = reader.isDescribing ? types.map { $0.init(reader) }.last! : type.init(reader)
    let defaults = reader.isDescribing ? ProjectionDefaults() : type.defaults
    projection = reader.choice("projection", default: defaults.projection, Self.projectionMeaning)
    projectionDim = reader.optionalInteger(
      "projectionDim", in: 1...65536, "Coordinates a head is projected to; default: the head's own")
    skipConnection = reader.boolean(
      "skipConnection", default: false, "Add the head itself to its projection")
    initialization = reader.choice(
      "initialization", default: defaults.initialization,
      "Initial projection" + Self.otherwise { $0.initialization.rawValue })
    hasBias = reader.boolean(
      "bias", default: projection == .learned && defaults.hasBias,
      "Add a trained bias to the projection" + Self.otherwise { "\($0.hasBias)" })
    biasShape = reader.choice(
      "biasShape", default: defaults.biasShape,
      "head: one scalar a head, drawn at random; coordinate: one number a coordinate, 0 at the start"
        + Self.otherwise { $0.biasShape.rawValue })
    isTied = reader.boolean("tied", default: false, "Queries and keys share one map")
    if initialization == .zero, !skipConnection {
      reader.report(
        "initialization",
        "a zero projection without \"skipConnection\": true makes every feature equal; use \"identity\" or \"kaiming\", or set skipConnection"
      )
    }
    reportUnused(defaults, to: reader)
  }

  private static let projectionMeaning =
    "learned: a trained projection a head comes before the map; none: the map acts on queries and "
    + "keys themselves" + otherwise { $0.projection.rawValue }

  /// Names the kinds whose default is not the one that the schema shows.
  private static func otherwise(_ value: (ProjectionDefaults) -> String) -> String {
    let usual = value(ProjectionDefaults())
    let others = StudentRegistry.featureMaps.filter { value($0.defaults) != usual }
    let values = Dictionary(grouping: others) { value($0.defaults) }.sorted { $0.key < $1.key }
    return values.map { value, kinds in
      "; default \(value) for \(kinds.map { $0.name }.joined(separator: ", "))"
    }.joined()
  }

  /// A projection's options beside "projection": "none" would say nothing.
  private func reportUnused(_ defaults: ProjectionDefaults, to reader: DocumentReader) {
    guard projection == .none else { return }
    let given: [(key: String, isGiven: Bool)] = [
      ("projectionDim", projectionDim != nil), ("skipConnection", skipConnection),
      ("initialization", initialization != defaults.initialization), ("bias", hasBias),
      ("tied", isTied),
    ]
    for (key, isGiven) in given where isGiven {
      reader.report(
        key, "there is no projection to apply it to; set \"projection\": \"learned\", or remove it")
    }
  }

  /// Coordinates that the map acts on.
  func dim(_ attention: AttentionShape) -> Int { projectionDim ?? attention.headDim }

  /// Factor of the products of what the map acts on: the teacher's own for queries and keys,
  /// `1/sqrt(projectionDim)` for projections of them.
  func scale(_ attention: AttentionShape) -> Float {
    projection == .none ? attention.scale : 1 / Float(dim(attention)).squareRoot()
  }

  func conflicts(with geometry: LayerGeometry) -> [String] {
    let headDim = geometry.attention.headDim
    let dim = dim(geometry.attention)
    var conflicts = map.conflicts(dim: dim).map { "featureMap.\($0)" }
    if skipConnection, dim != headDim {
      conflicts.append(
        "featureMap.skipConnection needs projectionDim \(headDim), the teacher's head dimension; found \(dim)"
      )
    } else if projection == .learned, initialization == .identity, dim > headDim {
      conflicts.append(
        "featureMap.projectionDim is \(dim), but heads of \(headDim) coordinates fill no more than \(headDim) of an identity at the start; use at most \(headDim), or \"initialization\": \"kaiming\""
      )
    }
    return conflicts
  }
}
