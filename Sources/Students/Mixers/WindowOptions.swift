import Documents
import Operations

/// What the mixers with a softmax window share in a recipe.
struct WindowOptions: Sendable {
  let featureMap: FeatureMapSpecification
  let size: Int
  private let sinks: Int
  private let isAffine: Bool
  private let initialWindowFactor: Double
  private let trainsWindowFactor: Bool

  init(_ reader: DocumentReader) {
    size = reader.integer("windowSize", in: 1...1_048_576, default: 64, "Window, in tokens")
    sinks = reader.integer(
      "sinks", in: 0...1024, default: 0,
      "First tokens of a sequence that stay visible to the window's softmax; 0 in the paper")
    isAffine = reader.boolean(
      "affineAttentionFactors", default: false,
      "Weight the linear part 1 − γ instead of 1, where γ weights the window")
    initialWindowFactor = reader.number(
      "initialWindowFactor", in: 1e-6...(1 - 1e-6), default: 0.1, "γ of every head at the start")
    trainsWindowFactor = reader.boolean("trainWindowFactor", default: true, "Train γ")
    featureMap = reader.object(
      "featureMap", "Learned feature map of queries and keys", FeatureMapSpecification.init)
  }

  /// - Parameter name: of the mixer whose window this is.
  func conflicts(with geometry: LayerGeometry, of name: String) -> [String] {
    let conflicts = featureMap.conflicts(with: geometry)
    if geometry.attention.isCausal { return conflicts }
    return [
      "mixer is \"\(name)\", but a window needs a causal teacher: it holds the last keys up to a query's own, and queries of this teacher see those after it as well; use \"\(LinearAttention.name)\""
    ] + conflicts
  }

  func mixer(_ window: AttentionWindow, _ geometry: LayerGeometry, seed: UInt64) -> any TokenMixer {
    FeatureMapAttention(
      FeatureMapAttentionOptions(
        window: window, sinks: sinks, isAffine: isAffine,
        initialWindowFactor: initialWindowFactor, trainsWindowFactor: trainsWindowFactor),
      featureMap, geometry, seed: seed)
  }
}
