import Differentiation
import Documents
import Foundation
import Operations
import TensorCore

/// Performer's positive orthogonal random features, FAVOR+ (arXiv 2009.14794), drawn once from the
/// seed and the layer, the same for all heads of a layer and never again. What is subtracted from
/// exponents, and why not what the original subtracts: see `RandomFeatures`.
public struct PerformerFeatureMap: FeatureMap {
  public static let name = "performer"
  public static let summary = "positive orthogonal random features of exp(q·k) (Performer, FAVOR+)"
  public static let defaults = ProjectionDefaults.none
  private let count: Int?
  private let epsilon: Double
  private var draw: RandomFeatures?

  public init(_ reader: DocumentReader) {
    count = reader.optionalInteger(
      "randomFeatures", in: 1...65536,
      "Random features a head; default: d ln d of heads of d coordinates, rounded")
    epsilon = reader.number(
      "epsilon", in: 0...1, default: 1e-6, "Added to every random feature, so that none is 0")
  }

  public func featureDim(of dim: Int) -> Int {
    count ?? max(1, Int((Double(dim) * log(Double(dim))).rounded()))
  }

  public var constants: [(name: String, value: Tensor)] {
    draw.map { [("directions", $0.directions)] } ?? []
  }

  public func operations(of dim: Int) -> Double { 2 * Double(dim * featureDim(of: dim)) }

  public func drawn(dim: Int, scale: Float, seed: UInt64, layer: Int) -> PerformerFeatureMap {
    var generator = SeededGenerator(seed: seed, purpose: "featureMap.randomFeatures.\(layer)")
    var copy = self
    copy.draw = RandomFeatures(
      directions: RandomFeatures.drawDirections(
        count: featureDim(of: dim), dim: dim, using: &generator),
      scale: scale, epsilon: Float(epsilon))
    return copy
  }

  public func features(_ input: FeatureMapInput, on tape: Tape) -> Variable {
    guard let draw else { preconditionFailure("features of a map before it was drawn") }
    return tape.randomFeatures(input.coordinates, draw, ofQueries: input.side == .queries)
  }
}
