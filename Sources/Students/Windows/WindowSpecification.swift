import Documents
import Operations

/// Where the softmax of a student looks, as a recipe describes it.
public protocol WindowSpecification: Sendable {
  /// What recipes call it.
  static var name: String { get }
  /// One line for `linearize list`.
  static var summary: String { get }

  /// Reads the window's own keys of the recipe's `window` object.
  init(_ reader: DocumentReader)

  /// The keys that it holds.
  var window: AttentionWindow { get }
}

/// The recipe's `window` object: the keys that softmax reads, sinks included.
public struct SoftmaxKeys: Sendable {
  /// The last keys that softmax reads.
  public let window: AttentionWindow
  /// First tokens of a sequence that every later query sees.
  public let sinks: Int

  init(_ reader: DocumentReader) {
    let found = reader.variant(
      "kind",
      of: StudentRegistry.windows.map { type in DocumentVariant(type.name) { type.init($0) } },
      default: SlidingWindow.name, "Which of the last keys")
    window = found?.window ?? .sliding(1)
    sinks = reader.integer(
      "sinks", in: 0...1024, default: 4,
      "First tokens of a sequence that stay visible to softmax, and that the memory leaves out")
  }
}

extension DocumentReader {
  func windowSize() -> Int {
    integer("size", in: 1...1_048_576, default: 64, "Window, in tokens")
  }
}
