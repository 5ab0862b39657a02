import Documents

/// Documents of a pair of .bin and .idx files, packed as texts are.
enum IndexedTokens {
  /// - Throws: `DatasetError`.
  static func load(
    _ specification: DatasetSpecification, packing: PackingSpecification, paddingToken: Int32,
    vocabularySize: Int?
  ) throws -> TokenDataset {
    let path = specification.path
    let file = try IndexedTokenFile(path)
    var statistics = TokenDataset.Statistics()
    let filled = file.documents.filter { !$0.isEmpty }
    statistics.emptyDocuments = file.documents.count - filled.count
    let documents = filled.dropFirst(specification.skippedDocuments)
      .prefix(specification.maximumDocuments ?? .max)
    let files = [path, IndexedTokenFile.indexPath(of: path)]
    if let windows = try IndexedTokenWindows(
      file, documents: documents, packing: packing, vocabularySize: vocabularySize)
    {
      statistics.documents = windows.documentCount
      statistics.tokens = windows.tokenCount
      statistics.droppedTokens = windows.droppedTokens
      return try dataset(PackedSequences(windows), files, statistics, packing)
    }
    var packer = SequencePacker(packing, paddingToken: paddingToken)
    for range in documents {
      if packer.isFull { break }
      statistics.documents += 1
      statistics.tokens += range.count
      do {
        try packer.append(
          EncodedDocument(tokens: try file.tokens(range, vocabularySize: vocabularySize)))
      } catch let error as DatasetError where packing.longDocuments == .refused {
        throw DatasetError.badData("\(path), document \(statistics.documents): \(error)")
      }
    }
    packer.finish()
    statistics.droppedTokens = packer.droppedTokens
    statistics.unlabelledSequences = packer.unlabelledSequences
    return try dataset(PackedSequences(packer.sequences), files, statistics, packing)
  }

  private static func dataset(
    _ sequences: PackedSequences, _ files: [String], _ statistics: TokenDataset.Statistics,
    _ packing: PackingSpecification
  ) throws -> TokenDataset {
    if sequences.isEmpty {
      throw DatasetError.badData(
        "\(files[0]): \(statistics.documents) documents of \(statistics.tokens) tokens fill no"
          + " sequence of \(packing.sequenceLength); give more data, lower sequenceLength, or set"
          + " lastRemainder to padded")
    }
    return TokenDataset(sequences: sequences, files: files, statistics: statistics)
  }
}

extension DatasetSpecification {
  /// Files that are read beside `path`.
  public var indexPaths: [String] {
    format == .binidx ? [IndexedTokenFile.indexPath(of: path)] : []
  }
}
