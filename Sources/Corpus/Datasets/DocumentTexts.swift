import Documents

/// The texts of a file of JSON objects, one a line or all in one array.
public enum DocumentTexts {
  /// Reads the `text` of every object.
  ///
  /// - Throws: `DatasetError`, with all bad lines.
  public static func read(_ path: String) throws -> [String] {
    let reader = try RowReader(path: path)
    var bad = BadLines()
    var texts: [String] = []
    while let line = try reader.next() {
      do {
        let row = try JSONValue(parsing: line.bytes)
        guard let text = row["text"] else {
          throw LineMistake(
            message: "found \(row.kindDescription), expected an object with \"text\"")
        }
        guard let string = text.stringValue else {
          throw LineMistake(message: "\"text\": found \(text.kindDescription), expected a string")
        }
        texts.append(string)
      } catch let mistake as LineMistake {
        try bad.report(path, line: line.number, mistake.message)
      } catch let error as JSONError {
        try bad.report(path, line: line.number, "column \(error.column): \(error.reason)")
      }
    }
    try bad.throwIfAny()
    return texts
  }
}
