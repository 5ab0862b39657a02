import Differentiation
import Documents
import Operations

/// cosFormer's map (arXiv 2202.08791): ReLU, weighted by a cosine of the distance between query
/// and key. The distance is counted in parts of a maximum length, beyond which weights would turn
/// negative; the original takes the length of the sequence at hand for it, which decoding cannot
/// know.
public struct CosFormerFeatureMap: FeatureMap {
  public static let name = "cosformer"
  public static let summary = "ReLU weighted by a cosine of the distance (cosFormer)"
  public static let defaults = ProjectionDefaults.none
  private let map: CosineFeatures

  public init(_ reader: DocumentReader) {
    map = CosineFeatures(
      maximumLength: reader.integer(
        "maximumLength", in: 1...16_777_216, default: 2048,
        "Tokens of the longest sequence; longer ones are refused"))
  }

  public var maximumLength: Int? { map.maximumLength }

  public func featureDim(of dim: Int) -> Int { map.featureDim(of: dim) }

  public func features(_ input: FeatureMapInput, on tape: Tape) -> Variable {
    tape.rowFeatures(input.coordinates, map, dim: input.dim, positions: input.positions)
  }
}
