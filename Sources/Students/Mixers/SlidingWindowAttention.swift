import Documents
import Operations

/// Softmax over the last `windowSize` keys, linear attention over all older ones
/// (`lolcats_llama_window_sw`, arXiv 2410.10254).
public struct SlidingWindowAttention: MixerSpecification {
  public static let name = "sliding-window"
  public static let summary =
    "softmax over the last keys, linear attention over the older (LoLCATs sw)"
  private let options: WindowOptions

  public init(_ reader: DocumentReader) { options = WindowOptions(reader) }

  public func conflicts(with geometry: LayerGeometry) -> [String] {
    options.conflicts(with: geometry, of: Self.name)
  }

  public var maximumLength: Int? { options.featureMap.map.maximumLength }

  public func makeMixer(_ geometry: LayerGeometry, seed: UInt64) -> any TokenMixer {
    options.mixer(.sliding(options.size), geometry, seed: seed)
  }
}
