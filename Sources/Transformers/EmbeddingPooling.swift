import Differentiation
import Documents
import Operations
import TensorCore

/// How an encoder's hidden states become one vector a text, as sentence-transformers has it.
public struct EmbeddingPooling: Sendable, Equatable {
  /// Which of a text's hidden states make its vector.
  public var pooling: SegmentPooling
  /// Vectors have length 1.
  public var isNormalized: Bool

  /// A pooling; by default the mean of all tokens, of any length.
  public init(_ pooling: SegmentPooling = .mean, isNormalized: Bool = false) {
    self.pooling = pooling
    self.isNormalized = isNormalized
  }

  private static let modes: [(key: String, pooling: SegmentPooling)] = [
    ("pooling_mode_cls_token", .first), ("pooling_mode_mean_tokens", .mean),
  ]
  private static let unsupported = [
    "pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken",
  ]

  /// What a module's configuration asks for, spelled as the older versions spell it. Newer ones have a
  /// word, or several, in `pooling_mode`.
  private static func modes(in configuration: JSONValue) -> [String] {
    let words = [
      "cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens",
      "mean_sqrt_len_tokens": "mean_sqrt_len_tokens", "weightedmean": "weightedmean_tokens",
      "lasttoken": "lasttoken",
    ]
    if let mode = configuration["pooling_mode"], !mode.isNull {
      let named = mode.arrayValue ?? [mode]
      return named.map { word in
        word.stringValue.flatMap { words[$0] }.map { "pooling_mode_\($0)" } ?? word.compact
      }
    }
    return (modes.map(\.key) + unsupported).filter { configuration[$0]?.boolValue ?? false }
  }

  /// - Parameter modules: `modules.json` and the modules' configurations, by their paths; empty
  ///   for a checkpoint without them, whose texts become the mean of their tokens.
  /// - Throws: `ModelError` for modules that are not known here.
  public init(sentenceModules modules: [String: JSONValue], location: String) throws {
    self.init()
    var problems: [String] = []
    for module in modules["modules.json"]?.arrayValue ?? [] {
      let type = module["type"]?.stringValue ?? ""
      switch type.split(separator: ".").last {
      case "Transformer", "Pooling": break
      case "Normalize": isNormalized = true
      default:
        problems.append(
          "modules.json: the module \"\(type)\" is not supported; known are Transformer, Pooling, "
            + "Normalize")
      }
    }
    let configurations = modules.filter { $0.key.contains("Pooling") }
    for (path, configuration) in configurations.sorted(by: { $0.key < $1.key }) {
      let found = Self.modes(in: configuration)
      if found.count == 1, let mode = Self.modes.first(where: { $0.key == found[0] }) {
        pooling = mode.pooling
      } else {
        problems.append(
          "\(path): found \(found.isEmpty ? "no pooling" : found.joined(separator: ", ")), expected "
            + "one of \(Self.modes.map(\.key).joined(separator: ", "))")
      }
    }
    if !problems.isEmpty { throw ModelError(location: location, problems: problems) }
  }
}

extension Decoder {
  /// One vector for every text of the layout, `[texts, hiddenSize]`, not normalised.
  ///
  /// - Parameter isCheckpointed: see `hiddenStates`.
  public func textEmbeddings(
    _ tokens: [Int32], layout: SequenceLayout, _ pooling: SegmentPooling, on tape: Tape,
    isCheckpointed: Bool = false
  ) -> Variable {
    tape.pooledSegments(
      hiddenStates(tokens, layout: layout, on: tape, isCheckpointed: isCheckpointed),
      layout: layout, pooling)
  }
}
