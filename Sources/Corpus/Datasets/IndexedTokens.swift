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
    var packer = SequencePacker(packing, paddingToken: paddingToken)
    var statistics = TokenDataset.Statistics()
    let documents = file.documents.filter { !$0.isEmpty }
    statistics.emptyDocuments = file.documents.count - documents.count
    for range in documents.dropFirst(specification.skippedDocuments).prefix(
      specification.maximumDocuments ?? .max)
    {
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
    if packer.sequences.isEmpty {
      throw DatasetError.badData(
        "\(path): \(statistics.documents) documents of \(statistics.tokens) tokens fill no sequence"
          + " of \(packing.sequenceLength); give more data, lower sequenceLength, or set"
          + " lastRemainder to padded")
    }
    return TokenDataset(
      sequences: packer.sequences, files: [path, IndexedTokenFile.indexPath(of: path)],
      statistics: statistics)
  }
}

extension DatasetSpecification {
  /// Files that are read beside `path`.
  public var indexPaths: [String] {
    format == .binidx ? [IndexedTokenFile.indexPath(of: path)] : []
  }
}
