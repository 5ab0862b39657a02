/// Cuts a text that comes line by line into documents.
struct DocumentSplitter {
  private let specification: DatasetSpecification
  private var document = ""

  init(_ specification: DatasetSpecification) { self.specification = specification }

  static func isBlank(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy(\.properties.isWhitespace)
  }

  /// - Parameters:
  ///   - line: without its end.
  ///   - lineEnd: empty at the end of a text that does not end with a line's.
  /// - Returns: documents that end here, empty and blank ones among them.
  mutating func add(_ line: String, lineEnd: String) -> [String] {
    switch specification.documents {
    case .wholeFile: document += line + lineEnd
    case .line:
      document = line
      return [finish()]
    case .blankLine where Self.isBlank(line),
      .separatorLine where line == specification.documentSeparator:
      return [finish()]
    case .blankLine, .separatorLine: document += line + lineEnd
    case .formFeed:
      let parts = line.unicodeScalars.split(separator: "\u{C}", omittingEmptySubsequences: false)
      var finished: [String] = []
      for part in parts.dropLast() {
        document.unicodeScalars += part
        finished.append(finish())
      }
      document.unicodeScalars += parts.last!
      document += lineEnd
      return finished
    }
    return []
  }

  /// The document at hand, which a new one follows. The line ends around a separator belong to it.
  mutating func finish() -> String {
    defer { document = "" }
    if specification.documents == .wholeFile || Self.isBlank(document) { return document }
    var scalars = document.unicodeScalars[...]
    while scalars.first == "\n" { scalars.removeFirst() }
    while scalars.last == "\n" { scalars.removeLast() }
    return String(scalars)
  }
}
