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

/// The mistakes of a document, at once.
public struct DocumentError: Error, Equatable, CustomStringConvertible {
  /// The mistakes found, in the order in which the document was read.
  public let diagnostics: [Diagnostic]
  /// How many more there are, which nobody would read.
  public let further: Int

  /// An error that tells the given mistakes.
  public init(_ diagnostics: [Diagnostic], further: Int = 0) {
    self.diagnostics = diagnostics
    self.further = further
  }

  /// How many mistakes there are.
  public var count: Int { diagnostics.count + further }

  /// A line for each mistake, and one for those that are left out.
  public var lines: [String] {
    diagnostics.map(\.description) + (further > 0 ? ["and \(further) more"] : [])
  }

  public var description: String { lines.joined(separator: "\n") }
}
