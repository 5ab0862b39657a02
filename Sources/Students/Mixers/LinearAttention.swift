import Documents
import Operations

/// Linear attention over learned features, without a window:
/// `y_i = Σ_{j≤i} φq_i·φk_j v_j / (Σ_{j≤i} φq_i·φk_j + 1e-12)` (Hedgehog arXiv 2402.04347,
/// T2R arXiv 2103.13076; `lolcats_llama` of the LoLCATs code). Of a bidirectional teacher the sums run
/// over every `j`.
public struct LinearAttention: MixerSpecification {
  public static let name = "linear"
  public static let summary = "linear attention over learned features, no window (Hedgehog, T2R)"
  let featureMap: FeatureMapSpecification

  public init(_ reader: DocumentReader) {
    featureMap = reader.object(
      "featureMap", "Learned feature map of queries and keys", FeatureMapSpecification.init)
  }

  public func conflicts(with geometry: LayerGeometry) -> [String] {
    featureMap.conflicts(with: geometry)
  }

  public var maximumLength: Int? { featureMap.map.maximumLength }

  public func makeMixer(_ geometry: LayerGeometry, seed: UInt64) -> any TokenMixer {
    FeatureMapAttention(.init(window: .none), featureMap, geometry, seed: seed)
  }
}
