import Documents

/// Sequences of one length, ready to be trained on or evaluated.
public struct TokenDataset: Sendable {
  /// What was read, and what of it was left out.
  public struct Statistics: Sendable, Equatable {
    /// Documents read.
    public var documents = 0
    /// Documents passed over because they are empty.
    public var emptyDocuments = 0
    /// Tokens of all documents that were read.
    public var tokens = 0
    /// Tokens that came into no sequence.
    public var droppedTokens = 0
    /// Sequences left out because nothing would be learned from them.
    public var unlabelledSequences = 0

    /// Nothing read.
    public init() {}
  }

  /// Every sequence, in the order of files and documents.
  public let sequences: PackedSequences
  /// The files that were read, in order.
  public let files: [String]
  /// What was read, and what of it was left out.
  public let statistics: Statistics

  /// Sequences that are there already.
  public init(
    sequences: PackedSequences, files: [String] = [], statistics: Statistics = .init()
  ) {
    self.sequences = sequences
    self.files = files
    self.statistics = statistics
  }

  /// Reads and packs what the specification names.
  ///
  /// - Parameters:
  ///   - chat: how the teacher spells conversations; needed for `jsonl-chat` alone.
  ///   - vocabularySize: ids from here on are refused, in `token-ids` and `binidx`.
  /// - Throws: `DatasetError`: missing files, bad lines (many at once), or nothing to learn from.
  public static func load(
    _ specification: DatasetSpecification, packing: PackingSpecification,
    encoder: any TextEncoder, chat: ChatFormat? = nil, vocabularySize: Int? = nil
  ) throws -> TokenDataset {
    if specification.format == .associativeRecall {
      return try RecallSequences.make(
        specification.recall, packing: packing, vocabularySize: vocabularySize)
    }
    let padding = encoder.endOfText ?? 0
    if specification.format == .tokenIDs {
      return try TokenWindows.load(
        specification.path, packing: packing, paddingToken: padding,
        vocabularySize: vocabularySize)
    }
    if specification.format == .binidx {
      return try IndexedTokens.load(
        specification, packing: packing, paddingToken: padding, vocabularySize: vocabularySize)
    }
    let ending = specification.format == .text ? ".txt" : ".jsonl"
    let files = try DatasetFiles.list(specification.path, ending: ending)
    let source = DocumentSource(
      specification: specification,
      encoder: try DocumentEncoder(specification, encoder: encoder, chat: chat))
    var packer = SequencePacker(packing, paddingToken: padding)
    var statistics = Statistics()
    statistics.emptyDocuments = try source.forEach(files) { document in
      statistics.documents += 1
      statistics.tokens += document.tokens.count
      do {
        try packer.append(document)
      } catch let error as DatasetError {
        throw DatasetError.badData(
          "\(specification.path), document \(statistics.documents): \(error)")
      }
      return !packer.isFull
    }
    packer.finish()
    statistics.droppedTokens = packer.droppedTokens
    statistics.unlabelledSequences = packer.unlabelledSequences
    let dataset = TokenDataset(
      sequences: PackedSequences(packer.sequences), files: files, statistics: statistics)
    if dataset.sequences.isEmpty { throw dataset.empty(specification.path, packing) }
    return dataset
  }

  private func empty(_ path: String, _ packing: PackingSpecification) -> DatasetError {
    if statistics.documents == 0 {
      return .badData(
        "\(path): no document is left; \(statistics.emptyDocuments) were empty, and"
          + " skippedDocuments may pass over the others")
    }
    let found = "\(path): \(statistics.documents) documents of \(statistics.tokens) tokens"
    if statistics.unlabelledSequences > 0 {
      return .badData(
        "\(found) make \(statistics.unlabelledSequences) sequences in which nothing is learned;"
          + " raise sequenceLength, or set labels to everything")
    }
    return .badData(
      "\(found) fill no sequence of \(packing.sequenceLength); give more data, lower"
        + " sequenceLength, or set lastRemainder to padded")
  }

  /// The sequences at the given indices as one batch.
  public func batch(_ indices: some Sequence<Int>) -> PackedBatch {
    PackedBatch(indices.map { sequences[$0] })
  }

  /// Indices of every batch of an epoch; the last one may be smaller.
  ///
  /// - Parameter order: a `SequenceOrder`, or `nil` for the order of the files.
  public func batches(of rows: Int, order: [Int]? = nil) -> [[Int]] {
    precondition(rows > 0, "a batch has \(rows) rows, expected at least 1")
    let order = order ?? Array(sequences.indices)
    return stride(from: 0, to: order.count, by: rows).map {
      Array(order[$0..<min($0 + rows, order.count)])
    }
  }
}
