import Documents
import Operations

/// The query's block of `size` keys and the block before (`AttentionWindow.terrace`).
public struct TerraceWindow: WindowSpecification {
  public static let name = "terrace"
  public static let summary = "the query's block of keys, up to its own, and the block before"
  public let window: AttentionWindow

  public init(_ reader: DocumentReader) { window = .terrace(reader.windowSize()) }
}
