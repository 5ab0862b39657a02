import Documents

/// Ready token ids, cut into windows that do not overlap.
enum TokenWindows {
  /// Reads a JSON list of ids, or a list of such lists, each of which is cut by itself. A
  /// remainder is padded where the packing says so, else dropped; a full window never is.
  static func load(
    _ path: String, packing: PackingSpecification, paddingToken: Int32, vocabularySize: Int?
  ) throws -> TokenDataset {
    let document = try DocumentFile(path).read()
    guard let elements = document.arrayValue else {
      throw DatasetError.badData(
        "\(path): found \(document.kindDescription), expected a list of token ids, or of lists")
    }
    let isNested = elements.first?.arrayValue != nil
    let lists =
      try isNested
      ? elements.enumerated().map { try ids($1, path, "$[\($0)]", vocabularySize) }
      : [ids(document, path, "$", vocabularySize)]
    var windows = packing
    // Each list is a document of its own, padded first and then kept or not.
    windows.packing = .oneDocument
    windows.longDocuments = .split
    var packer = SequencePacker(windows, paddingToken: paddingToken)
    var statistics = TokenDataset.Statistics()
    for list in lists {
      statistics.documents += 1
      statistics.tokens += list.count
      let rest = packing.lastRemainder == .padded ? 0 : list.count % packing.sequenceLength
      statistics.droppedTokens += rest
      try packer.append(EncodedDocument(tokens: Array(list.dropLast(rest))))
    }
    statistics.droppedTokens += packer.droppedTokens
    statistics.unlabelledSequences = packer.unlabelledSequences
    if packer.sequences.isEmpty {
      throw DatasetError.badData(
        "\(path): \(lists.count) lists of \(statistics.tokens) ids fill no window of"
          + " \(packing.sequenceLength); give more, or lower sequenceLength")
    }
    return TokenDataset(
      sequences: PackedSequences(packer.sequences), files: [path], statistics: statistics)
  }

  private static func ids(
    _ list: JSONValue, _ path: String, _ place: String, _ vocabularySize: Int?
  ) throws -> [Int32] {
    guard let elements = list.arrayValue else {
      throw DatasetError.badData(
        "\(path), \(place): found \(list.kindDescription), expected a list of token ids")
    }
    let limit = min(vocabularySize ?? .max, Int(Int32.max))
    return try elements.enumerated().map { index, element in
      guard let id = element.intValue, (0..<limit).contains(id) else {
        throw DatasetError.badData(
          "\(path), \(place)[\(index)]: found \(element.kindDescription), expected a token id"
            + " from 0 to \(limit - 1)")
      }
      return Int32(id)
    }
  }
}
