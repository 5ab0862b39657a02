import Differentiation
import Documents
import Operations

/// The second-order Taylor polynomial of softmax's exponential (Based, arXiv 2402.18668). Of `d`
/// coordinates it makes `1 + d + d (d + 1) / 2` features, and the state of a head holds as many
/// rows: 2145 for heads of 64, in 0.5 MB a head and layer, and 8.6 kB a token and head while
/// training. Based projects to 16 coordinates first, for 153 features:
/// `"projection": "learned", "projectionDim": 16`.
public struct TaylorFeatureMap: FeatureMap {
  public static let name = "taylor"
  public static let summary = "second-order Taylor polynomial of exp(q·k), d²/2 features (Based)"
  public static let defaults = ProjectionDefaults.none

  public init(_ reader: DocumentReader) {}

  public func featureDim(of dim: Int) -> Int { TaylorFeatures(scale: 1).featureDim(of: dim) }

  public func features(_ input: FeatureMapInput, on tape: Tape) -> Variable {
    tape.rowFeatures(
      input.coordinates, TaylorFeatures(scale: input.scale), dim: input.dim,
      positions: input.positions)
  }
}
