import Documents
import Operations

/// The last `size` keys, the query's own included.
public struct SlidingWindow: WindowSpecification {
  public static let name = "sliding"
  public static let summary = "the last keys, the query's own included"
  public let window: AttentionWindow

  public init(_ reader: DocumentReader) { window = .sliding(reader.windowSize()) }
}
