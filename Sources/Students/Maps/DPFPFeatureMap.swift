import Differentiation
import Documents
import Operations

/// The deterministic parameter-free projection of fast weight programmers (arXiv 2102.11174,
/// section 5.3).
public struct DPFPFeatureMap: FeatureMap {
  public static let name = "dpfp"
  public static let summary = "products of rectified coordinates ν places apart and fewer (DPFP)"
  public static let defaults = ProjectionDefaults.none
  private let map: RolledProductFeatures

  public init(_ reader: DocumentReader) {
    map = RolledProductFeatures(
      distances: reader.integer(
        "nu", in: 1...1024, default: 3, "ν: 2 d ν features of heads of d coordinates"))
  }

  public func conflicts(dim: Int) -> [String] {
    if map.distances < 2 * dim { return [] }
    return [
      "nu is \(map.distances), but \(2 * dim) rectified coordinates are at most \(2 * dim - 1) places apart; use at most that"
    ]
  }

  public func featureDim(of dim: Int) -> Int { map.featureDim(of: dim) }

  public func features(_ input: FeatureMapInput, on tape: Tape) -> Variable {
    tape.rowFeatures(input.coordinates, map, dim: input.dim, positions: input.positions)
  }
}
