import Documents

/// Token ids as JSON: one list, or a list of lists.
public struct TokenFile: Sendable, Equatable {
  /// The file, as the user named it.
  public let path: String
  /// A flat list is one sequence.
  public let sequences: [[Int32]]

  /// - Throws: `DocumentFile.Failure`, `DocumentFile.Malformed`, `InputError` for anything that is
  ///   not an id below the vocabulary size, and for a file without ids.
  public init(_ path: String, vocabularySize: Int) throws {
    self.path = path
    let document = try DocumentFile(path).read()
    guard let elements = document.arrayValue else {
      throw InputError(
        path, "$", "found \(document.kindDescription), expected a list of token ids or of lists")
    }
    if elements.first?.arrayValue == nil {
      sequences = [try Self.ids(elements, path, "$", vocabularySize)]
    } else {
      sequences = try elements.enumerated().map { index, element in
        guard let list = element.arrayValue else {
          throw InputError(
            path, "$[\(index)]",
            "found \(element.kindDescription), expected a list of token ids as the first is")
        }
        return try Self.ids(list, path, "$[\(index)]", vocabularySize)
      }
    }
    if sequences.allSatisfy(\.isEmpty) {
      throw InputError(path, "$", "found no token id, expected at least one")
    }
  }

  /// The common length of all sequences.
  ///
  /// - Throws: `InputError` naming the first that differs.
  public func equalLength() throws -> Int {
    let length = sequences[0].count
    if let index = sequences.firstIndex(where: { $0.count != length }) {
      throw InputError(
        path, "$[\(index)]",
        "found \(sequences[index].count) ids, expected \(length) as in the first list; "
          + "sequences must be of equal length")
    }
    return length
  }

  private static func ids(
    _ list: [JSONValue], _ path: String, _ place: String, _ vocabularySize: Int
  ) throws -> [Int32] {
    try list.enumerated().map { index, element in
      guard let id = element.intValue, (0..<vocabularySize).contains(id) else {
        throw InputError(
          path, "\(place)[\(index)]",
          "found \(element.kindDescription), expected a token id from 0 to \(vocabularySize - 1)")
      }
      return Int32(id)
    }
  }
}
