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
    let reader = try RowReader(path: file)
    while let line = try reader.next() {
      let documents: [EncodedDocument]
      do {
        documents = try object(line)
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
      for document in documents where try !take(document) { return false }
    }
    return true
  }

  private func object(_ line: LineReader.Line) throws -> [EncodedDocument] {
    let value = try JSONValue(parsing: line.bytes)
    guard let object = value.objectValue else {
      throw LineMistake(message: "found \(value.kindDescription), expected a JSON object")
    }
    // The end token of an empty text alone would teach nothing but to fall silent.
    if specification.format == .jsonlText, object[specification.textField] == "" {
      return [EncodedDocument(tokens: [])]
    }
    if specification.format == .jsonlText, specification.documents != .wholeFile,
      let text = object[specification.textField]?.stringValue
    {
      return parts(of: text).map(encoder.text)
    }
    return [try encoder.object(object)]
  }

  private func parts(of text: String) -> [String] {
    var splitter = DocumentSplitter(specification)
    let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    var parts: [String] = []
    for (index, line) in lines.enumerated() {
      let isLast = index == lines.count - 1
      if isLast, line.isEmpty { break }
      parts += splitter.add(String(line), lineEnd: isLast ? "" : "\n")
    }
    return (parts + [splitter.finish()]).filter { !DocumentSplitter.isBlank($0) }
  }

  // MARK: Plain text

  private func readText(
    _ file: String, _ bad: inout BadLines, _ take: (EncodedDocument?) throws -> Bool
  ) throws -> Bool {
    let reader = try LineReader(path: file)
    var splitter = DocumentSplitter(specification)
    /// Takes a finished document; false ends the reading.
    func end(_ document: String) throws -> Bool {
      if document.isEmpty { return true }
      return try take(DocumentSplitter.isBlank(document) ? nil : encoder.text(document))
    }
    while let line = try reader.next() {
      let text: String
      do {
        text = try line.text()
      } catch let mistake as LineMistake {
        try bad.report(file, line: line.number, mistake.message)
        continue
      }
      for document in splitter.add(text, lineEnd: line.hasEnd ? "\n" : "") {
        if try !end(document) { return false }
      }
    }
    return try end(splitter.finish())
  }
}
