/// One mistake in a document: where, what was found, what was expected, what to do.
public struct Diagnostic: Sendable, Equatable, CustomStringConvertible {
  /// JSON path from the document's root: `$.stages[1].learningRate`.
  public let path: String
  /// What was found there, what was expected, and often what to do.
  public let message: String

  /// A mistake at a JSON path.
  public init(path: String, message: String) {
    self.path = path
    self.message = message
  }

  public var description: String { "\(path): \(message)" }
}

/// All mistakes of a document at once.
public struct DocumentError: Error, Equatable, CustomStringConvertible {
  /// Every mistake found, in the order in which the document was read.
  public let diagnostics: [Diagnostic]

  /// An error that tells all of the given mistakes.
  public init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

  public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
