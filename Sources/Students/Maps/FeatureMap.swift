import Differentiation
import Documents
import Operations
import TensorCore

/// The fixed part of a feature map: coordinates of heads to features whose products stand for
/// attention weights. What is trained stands before it (`FeatureMapSpecification`).
///
/// Hedgehog's map (arXiv 2402.04347) is in use in three codings that are not interchangeable, each
/// a kind of its own; `u = x W + b`, `W` the identity at the start, separate for every head, for
/// queries and for keys:
///
/// | kind | features | bias there | coded so in |
/// |---|---|---|---|
/// | `exponential` | `exp(u) ⊕ exp(−u)` | yes | the paper's pseudo-code |
/// | `softmax` | `softmax(u) ⊕ softmax(−u)`, at least 1e-12 | no | LoLCATs |
/// | `joint-softmax` | `softmax([2u ⊕ −2u])` | yes | flash-linear-attention, `W`, `b` for all heads |
///
/// The bias of paper and flash-linear-attention, one number a coordinate, 0 at the start, is
/// `"bias": true, "biasShape": "coordinate"`.
public protocol FeatureMap: Sendable {
  /// The word after `"kind":`.
  static var name: String { get }
  /// One line for `linearize list`.
  static var summary: String { get }
  /// What a recipe that says no more than the name puts before the map.
  static var defaults: ProjectionDefaults { get }

  /// Reads the map's own keys of the recipe's `featureMap` object.
  init(_ reader: DocumentReader)

  /// Tokens that a sequence may have; nil: any number.
  var maximumLength: Int? { get }

  /// Why this map cannot act on so many coordinates; one sentence a reason.
  func conflicts(dim: Int) -> [String]

  /// Features made of `dim` coordinates.
  func featureDim(of dim: Int) -> Int

  /// This map with whatever it draws, a function of the seed and the layer alone.
  func drawn(dim: Int, scale: Float, seed: UInt64, layer: Int) -> Self

  /// What `drawn` drew, by name.
  var constants: [(name: String, value: Tensor)] { get }

  /// Floating-point operations for the features of one head of one token, where products make them;
  /// 0 of what acts on each coordinate.
  func operations(of dim: Int) -> Double

  /// Whether the map's gradient reads the coordinates.
  var keepsCoordinates: Bool { get }

  /// Whether the map's gradient reads the features.
  var keepsFeatures: Bool { get }

  /// `[tokens, heads * dim] -> [tokens, heads * featureDim]`, head by head.
  func features(_ input: FeatureMapInput, on tape: Tape) -> Variable
}

extension FeatureMap {
  public static var defaults: ProjectionDefaults { ProjectionDefaults() }
  public var maximumLength: Int? { nil }
  public var constants: [(name: String, value: Tensor)] { [] }
  public func conflicts(dim: Int) -> [String] { [] }
  public func operations(of dim: Int) -> Double { 0 }
  public var keepsCoordinates: Bool { true }
  public var keepsFeatures: Bool { false }
  public func drawn(dim: Int, scale: Float, seed: UInt64, layer: Int) -> Self { self }
}

/// What a feature map is given of one layer.
public struct FeatureMapInput {
  /// Whether features of queries or of keys are wanted.
  public enum Side: Sendable { case queries, keys }

  /// `[tokens, heads * dim]`.
  public let coordinates: Variable
  /// Coordinates of a head.
  public let dim: Int
  /// Whether these are queries or keys.
  public let side: Side
  /// Factor of the products of queries and keys in the attention that features stand for.
  public let scale: Float
  /// Of the tokens in their sequences.
  public let positions: [Int32]

  /// Coordinates of all heads of a layer's queries or keys.
  public init(
    _ coordinates: Variable, dim: Int, side: Side, scale: Float, positions: [Int32]
  ) {
    self.coordinates = coordinates
    self.dim = dim
    self.side = side
    self.scale = scale
    self.positions = positions
  }
}

/// Maps that act on each head's row with one activation of Operations.
protocol ActivationFeatureMap: FeatureMap {
  var activation: FeatureActivation { get }
}

extension ActivationFeatureMap {
  public func featureDim(of dim: Int) -> Int { dim * activation.expansion }
  public var keepsCoordinates: Bool { activation.gradientReadsInput }
  public var keepsFeatures: Bool { true }

  public func features(_ input: FeatureMapInput, on tape: Tape) -> Variable {
    tape.featureActivation(input.coordinates, activation, f: input.dim)
  }
}

/// Whether a map keeps both signs of the projection.
enum FeatureSpace: String, CaseIterable {
  case full
  case half

  init(_ reader: DocumentReader) {
    self = reader.choice(
      "space", default: FeatureSpace.full,
      "full: features of u and of −u, twice the projection; half: of u alone")
  }
}
