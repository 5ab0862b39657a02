import Documents

/// One JSON object a line.
public enum JSONLines {
  /// One line that holds an object.
  public struct Row: Sendable, Equatable {
    /// Line of the file, from 1.
    public let line: Int
    /// What the line holds.
    public let object: JSONObject

    /// An object and the line it stands on.
    public init(line: Int, object: JSONObject) {
      self.line = line
      self.object = object
    }
  }

  /// All rows of a file. Lines of white space alone are no rows.
  ///
  /// - Throws: `DatasetError` with the bad lines, or when the file cannot be read.
  public static func read(_ path: String) throws -> [Row] {
    let reader = try RowReader(path: path)
    var rows: [Row] = []
    var bad = BadLines()
    while let line = try reader.next() {
      do {
        let value = try JSONValue(parsing: line.bytes)
        guard let object = value.objectValue else {
          throw LineMistake(message: "found \(value.kindDescription), expected a JSON object")
        }
        rows.append(Row(line: line.number, object: object))
      } catch let mistake as LineMistake {
        try bad.report(path, line: line.number, mistake.message)
      } catch let error as JSONError {
        try bad.report(path, line: line.number, "column \(error.column): \(error.reason)")
      }
    }
    try bad.throwIfAny()
    return rows
  }
}
