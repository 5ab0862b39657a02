import Documents

/// Reads the documents of a data set one after the other; only one is in memory.
struct DocumentSource {
  let specification: DatasetSpecification
  let encoder: DocumentEncoder

  /// Calls `body` with every document that has tokens, in order, until it returns false.
  ///
  /// - Returns: the number of empty documents that were passed over.
  /// - Throws: `DatasetError` with the bad lines of all files.
  func forEach(_ files: [String], _ body: (EncodedDocument) throws -> Bool) throws -> Int {
    var bad = BadLines()
    var seen = 0
    var empty = 0
    /// Takes a document; false ends the reading.
    func take(_ document: EncodedDocument?) throws -> Bool {
      guard let document, !document.tokens.isEmpty else {
        empty += 1
        return true
      }
      seen += 1
      if seen <= specification.skippedDocuments { return true }
      if let limit = specification.maximumDocuments,
        seen - specification.skippedDocuments > limit
      {
        return false
      }
      return try body(document)
    }
    for file in files {
      let goesOn =
        specification.format == .text
        ? try readText(file, &bad, take) : try readObjects(file, &bad, take)
      if !goesOn { break }
    }
    try bad.throwIfAny()
    return empty
  }

  private func readObjects(
    _ file: String, _ bad: inout BadLines, _ take: (EncodedDocument?) throws -> Bool
  ) throws -> Bool {
    let reader = try LineReader(path: file)
    while let line = try reader.next() {
      if line.bytes.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { continue }
      let document: EncodedDocument
      do {
        document = try object(line)
      } catch let mistake as LineMistake {
        try bad.report(file, line: line.number, mistake.message)
        continue
      } catch let error as JSONError {
        try bad.report(file, line: line.number, "column \(error.column): \(error.reason)")
        continue
      } catch let error as ChatTemplateError {
        try bad.report(file, line: line.number, error.description)
        continue
      }
      if try !take(document) { return false }
    }
    return true
  }

  private func object(_ line: LineReader.Line) throws -> EncodedDocument {
    let value = try JSONValue(parsing: line.bytes)
    guard let object = value.objectValue else {
      throw LineMistake(message: "found \(value.kindDescription), expected a JSON object")
    }
    // The end token of an empty text alone would teach nothing but to fall silent.
    if specification.format == .jsonlText, object[specification.textField] == "" {
      return EncodedDocument(tokens: [])
    }
    return try encoder.object(object)
  }

  // MARK: Plain text

  private func readText(
    _ file: String, _ bad: inout BadLines, _ take: (EncodedDocument?) throws -> Bool
  ) throws -> Bool {
    let reader = try LineReader(path: file)
    var document = ""
    /// Ends the document at hand; false ends the reading.
    func end() throws -> Bool {
      defer { document = "" }
      let scalars = document.unicodeScalars
      if scalars.allSatisfy(\.properties.isWhitespace) {
        return scalars.isEmpty ? true : try take(nil)
      }
      if specification.documents == .wholeFile { return try take(encoder.text(document)) }
      return try take(encoder.text(withoutLineEnds(document)))
    }
    while let line = try reader.next() {
      let text: String
      do {
        text = try line.text()
      } catch let mistake as LineMistake {
        try bad.report(file, line: line.number, mistake.message)
        continue
      }
      let lineEnd = line.hasEnd ? "\n" : ""
      switch specification.documents {
      case .wholeFile: document += text + lineEnd
      case .line:
        document = text
        if try !end() { return false }
      case .blankLine where text.unicodeScalars.allSatisfy(\.properties.isWhitespace),
        .separatorLine where text == specification.documentSeparator:
        if try !end() { return false }
      case .blankLine, .separatorLine: document += text + lineEnd
      case .formFeed:
        let parts = text.unicodeScalars.split(separator: "\u{C}", omittingEmptySubsequences: false)
        for part in parts.dropLast() {
          document.unicodeScalars += part
          if try !end() { return false }
        }
        document.unicodeScalars += parts.last!
        document += lineEnd
      }
    }
    return try end()
  }

  /// The line ends around a separator belong to it.
  private func withoutLineEnds(_ document: String) -> String {
    var scalars = document.unicodeScalars[...]
    while scalars.first == "\n" { scalars.removeFirst() }
    while scalars.last == "\n" { scalars.removeLast() }
    return String(scalars)
  }
}
