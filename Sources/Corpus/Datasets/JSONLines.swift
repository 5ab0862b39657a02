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
  public static func read(_ path: String) throws -> [Row] { try read(path) { $0 } }

  /// The `text` of every row.
  ///
  /// - Throws: as `read`, and with rows that have none.
  public static func texts(_ path: String) throws -> [String] {
    try read(path) { row in
      guard let text = row.object["text"] else {
        throw LineMistake(message: "found an object without \"text\", expected one with it")
      }
      guard let string = text.stringValue else {
        throw LineMistake(message: "\"text\": found \(text.kindDescription), expected a string")
      }
      return string
    }
  }

  /// - Parameter make: throws `LineMistake` for a row that is not as it should be.
  private static func read<Value>(_ path: String, _ make: (Row) throws -> Value) throws -> [Value] {
    let reader = try RowReader(path: path)
    var values: [Value] = []
    var bad = BadLines()
    while let line = try reader.next() {
      do {
        let value = try JSONValue(parsing: line.bytes)
        guard let object = value.objectValue else {
          throw LineMistake(message: "found \(value.kindDescription), expected a JSON object")
        }
        values.append(try make(Row(line: line.number, object: object)))
      } catch let mistake as LineMistake {
        try bad.report(path, line: line.number, mistake.message)
      } catch let error as JSONError {
        try bad.report(path, line: line.number, "column \(error.column): \(error.reason)")
      }
    }
    try bad.throwIfAny()
    return values
  }
}
