import Documents
import Operations

/// Softmax over the query's block of `windowSize` keys and the block before, linear attention over
/// all older ones (`lolcats_llama_window_tk`, arXiv 2410.10254). Where blocks begin, and what the
/// LoLCATs code does instead for short sequences: see `AttentionWindow.terrace`.
public struct TerraceWindowAttention: MixerSpecification {
  public static let name = "terrace-window"
  public static let summary =
    "softmax over this block of keys and the one before, linear over the older (LoLCATs tk)"
  private let options: WindowOptions

  public init(_ reader: DocumentReader) { options = WindowOptions(reader) }

  public func conflicts(with geometry: LayerGeometry) -> [String] {
    options.conflicts(with: geometry, of: Self.name)
  }

  public var maximumLength: Int? { options.featureMap.map.maximumLength }

  public func makeMixer(_ geometry: LayerGeometry, seed: UInt64) -> any TokenMixer {
    options.mixer(.terrace(options.size), geometry, seed: seed)
  }
}
