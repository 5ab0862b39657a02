import Differentiation
import Documents
import Operations

/// `exp(t u)`, the plain exponential of the maps that Hedgehog is compared with (arXiv 2402.04347,
/// section 3.2).
public struct ScaledExponentialFeatureMap: FeatureMap {
  public static let name = "exp"
  public static let summary = "exp(t u) of a given temperature t (Hedgehog's study)"
  public static let defaults = ProjectionDefaults.none
  private let map: ScaledExponentialFeatures

  public init(_ reader: DocumentReader) {
    map = ScaledExponentialFeatures(
      temperature: Float(
        reader.number("temperature", in: 0.001...1000, default: 1, "t of exp(t u)")))
  }

  public func featureDim(of dim: Int) -> Int { map.featureDim(of: dim) }

  public func features(_ input: FeatureMapInput, on tape: Tape) -> Variable {
    tape.rowFeatures(input.coordinates, map, dim: input.dim, positions: input.positions)
  }
}
