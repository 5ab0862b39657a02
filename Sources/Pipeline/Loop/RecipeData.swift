import Corpus
import Models
import Operations
import Students
import Synchronization
import Transformers

/// The sequences of a recipe's three sections.
public struct RecipeData: Sendable {
  /// Sequences to train on, in the order of the files.
  public let train: PackedSequences
  /// Sequences that steer, and sequences that are measured on.
  public let validation, test: [PackedSequence]
  /// How training sequences are taken.
  public let order: DataSpecification.Order
  /// nil unless the order is `radlads`.
  private let radlads: RADLADSOrder?
  let seed: UInt64
  private let epochs: EpochOrders
  private let specification: DataSpecification

  /// - Throws: `DatasetError`.
  init(_ specification: DataSpecification, model: LoadedModel, seed: UInt64) throws {
    try self.init(specification, model: model, seed: seed, test: nil)
  }

  /// - Parameter test: what the test data already is; nil reads it.
  private init(
    _ specification: DataSpecification, model: LoadedModel, seed: UInt64, test: [PackedSequence]?
  ) throws {
    self.seed = seed
    self.specification = specification
    order = specification.order
    let vocabularySize = model.decoder.configuration.vocabularySize
    /// Tokens of all documents that were read last.
    var readTokens = 0
    func load(_ datasets: [DatasetSpecification], _ limit: Int?) throws -> PackedSequences {
      var packing = specification.packing
      var sequences = PackedSequences()
      for dataset in datasets {
        if let limit {
          if sequences.count >= limit { break }
          packing.maximumSequences = min(
            packing.maximumSequences ?? .max, limit - sequences.count)
        }
        let loaded = try TokenDataset.load(
          dataset, packing: packing,
          encoder: try Self.encoder(dataset, model),
          chat: dataset.format == .jsonlChat ? try model.readableChat() : model.chat,
          vocabularySize: vocabularySize)
        readTokens = loaded.statistics.tokens
        try Self.check(loaded.sequences, of: dataset, model)
        sequences += loaded.sequences
      }
      return sequences
    }
    train = try load(specification.train, nil)
    radlads =
      try order == .radlads
      ? Self.radlads(specification, tokens: readTokens, sequences: train.count) : nil
    epochs = EpochOrders(count: train.count, seed: seed)
    validation = Array(try load(specification.validation, specification.validationSequences))
    self.test = try test ?? Array(load(specification.test, specification.testSequences))
  }

  /// Ready ids were checked as they were read.
  private static func check(
    _ sequences: PackedSequences, of dataset: DatasetSpecification, _ model: LoadedModel
  ) throws {
    if [.binidx, .tokenIDs].contains(dataset.format) { return }
    let vocabularySize = model.decoder.configuration.vocabularySize
    for sequence in sequences {
      if let id = sequence.tokens.first(where: { $0 < 0 || Int($0) >= vocabularySize }) {
        throw DatasetError.badData(
          "\(dataset.path): the tokenizer gives the id \(id), but \(model.location) has an"
            + " embedding of \(vocabularySize) rows; use the teacher's own tokenizer")
      }
    }
  }

  /// The same texts in sequences of another length; those of the test data stay what they are.
  ///
  /// - Throws: `DatasetError`.
  func repacked(sequenceLength: Int, model: LoadedModel) throws -> RecipeData {
    if sequenceLength == specification.packing.sequenceLength { return self }
    var specification = specification
    specification.packing.sequenceLength = sequenceLength
    return try RecipeData(specification, model: model, seed: seed, test: test)
  }

  private static func radlads(
    _ specification: DataSpecification, tokens: Int, sequences: Int
  ) throws -> RADLADSOrder {
    let length = specification.packing.sequenceLength
    guard let order = RADLADSOrder(tokens: tokens, length: length), order.period <= sequences else {
      throw DatasetError.badData(
        "\(specification.train[0].path): \(tokens) tokens make \(sequences) windows of \(length), too"
          + " few for the order \"radlads\", which takes as many as a prime that is 2 modulo 3; give"
          + " more data, or set data.order to shuffled")
    }
    return order
  }

  private static func encoder(_ dataset: DatasetSpecification, _ model: LoadedModel) throws
    -> any TextEncoder
  {
    if let tokenizer = model.tokenizer { return tokenizer }
    if [.binidx, .tokenIDs, .associativeRecall].contains(dataset.format) { return NoTokenizer() }
    return try model.requireTokenizer()
  }

  /// Training sequences of one optimizer step, as indices: a function of the step alone, so that a
  /// resumed run sees what the uninterrupted one would have.
  func trainingIndices(step: Int, count: Int) -> [Int] {
    let length = train.count
    return (0..<count).map { offset in
      let position = step * count + offset
      if let radlads { return radlads.window(position) }
      let (epoch, index) = position.quotientAndRemainder(dividingBy: length)
      if order == .sequential { return index }
      return epochs[epoch][index]
    }
  }
}

/// Orders of epochs, the last one kept: to draw one takes as long as the data is, and every step
/// asks for its sequences' places in it.
private final class EpochOrders: Sendable {
  private let count: Int
  private let seed: UInt64
  private let last = Mutex<(epoch: Int, order: [Int])?>(nil)

  init(count: Int, seed: UInt64) {
    self.count = count
    self.seed = seed
  }

  subscript(epoch: Int) -> [Int] {
    last.withLock { last in
      if let last, last.epoch == epoch { return last.order }
      let order = SequenceOrder.shuffled(count: count, seed: seed, epoch: epoch)
      last = (epoch, order)
      return order
    }
  }
}

/// Stands where token ids are read as they are, so that a model without a tokenizer can be trained.
private struct NoTokenizer: TextEncoder {
  var endOfText: Int32? { nil }
  var beginningOfText: Int32? { nil }

  func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
    preconditionFailure("a text was given where token ids were promised")
  }
}

extension PackedBatch {
  /// Documents of the batch as rows that see each other.
  var layout: SequenceLayout {
    SequenceLayout(
      rows: tokens.count, segments: segments.map { .init(start: $0.start, count: $0.count) })
  }
}
