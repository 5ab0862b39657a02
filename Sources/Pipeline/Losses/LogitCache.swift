import Checkpoints
import Corpus
import Differentiation
import Documents
import Foundation
import Models
import Operations
import TensorCore
import Transformers

/// The teacher's most probable tokens for every position of a stage's sequences, in a file:
///
///     ids                 [sequences × length, k]   int32, from the most probable down
///     log_probabilities   [sequences × length, k]   float32, of the full distribution
///     remaining_mass      [sequences × length, 1]   float32, of all other tokens together
///
/// Its attributes say which teacher, which sequences and how many tokens; a file of others is
/// refused. Rows of padding hold what the teacher makes of it, and count nowhere.
struct LogitCache {
  static let format = "linearize logits 1"
  private static let ids = "ids"
  private static let logProbabilities = "log_probabilities"
  private static let remainingMass = "remaining_mass"

  /// A sequence is stored in the rows of its slot.
  let sequences: StageSequences
  let topK: Int
  private let sequenceLength: Int
  private let datasets: (ids: HDF5Dataset, logProbabilities: HDF5Dataset, remaining: HDF5Dataset)
  private let vocabulary: Int
  private let path: String

  /// Opens the file, after writing it where there is none.
  ///
  /// - Throws: `InputError` for a file of other content, `HDF5Error`, `Preempted`.
  static func open(
    _ specification: CachedLogitsSpecification, stage: String, sequences: StageSequences,
    context: StageContext
  ) throws -> LogitCache {
    let vocabulary = context.teacher.decoder.configuration.vocabularySize
    let header = LogitCacheHeader(
      teacher: try context.teacher.source.contentDigest(), data: digest(of: sequences),
      sequenceLength: sequences.length, topK: specification.topK)
    if !FileManager.default.fileExists(atPath: specification.path) {
      try write(header, sequences, to: specification.path, stage: stage, context: context)
    }
    try LogitCacheHeader.read(specification.path).require(header, path: specification.path)
    let file = try HDF5File.open(specification.path)
    let rows = sequences.count * header.sequenceLength
    let dataset = { (name: String, width: Int) throws -> HDF5Dataset in
      let dataset = try file.dataset(name)
      guard dataset.shape == [rows, width] else {
        throw InputError(
          specification.path, name, "has shape \(dataset.shape), expected [\(rows), \(width)]")
      }
      return dataset
    }
    return LogitCache(
      sequences: sequences, topK: header.topK,
      sequenceLength: header.sequenceLength,
      datasets: (
        try dataset(ids, header.topK), try dataset(logProbabilities, header.topK),
        try dataset(remainingMass, 1)
      ), vocabulary: vocabulary, path: specification.path)
  }

  /// Rows of the sequences in these slots, one after the other.
  func read(_ slots: [Int]) throws -> TruncatedDistributions {
    let rows = slots.count * sequenceLength
    var ids: [Int32] = []
    ids.reserveCapacity(rows * topK)
    var logProbabilities = Tensor(zeros: [rows, topK])
    var remaining = Tensor(zeros: [rows, 1])
    for (position, slot) in slots.enumerated() {
      let (start, count) = (slot * sequenceLength, sequenceLength)
      let row = position * sequenceLength
      ids += try datasets.ids.int32Rows(start: start, count: count)
      try datasets.logProbabilities.readRows(
        start: start, count: count, into: &logProbabilities, at: row)
      try datasets.remaining.readRows(start: start, count: count, into: &remaining, at: row)
    }
    if let id = ids.first(where: { $0 < 0 || Int($0) >= vocabulary }) {
      throw InputError(
        path, Self.ids, "holds the id \(id), expected one from 0 to \(vocabulary - 1)")
    }
    return TruncatedDistributions(
      count: topK, ids: ids, logProbabilities: logProbabilities, remainingMass: remaining)
  }

  // MARK: Writing

  /// Of everything that the teacher sees: tokens, and where documents begin and end.
  private static func digest(of sequences: StageSequences) -> String {
    var digest = NumberDigest()
    for slot in sequences.slots {
      let sequence = sequences[slot]
      digest.update(sequence.tokens)
      digest.update(sequence.segments.flatMap { [Int64($0.start), Int64($0.count)] })
    }
    return digest.sha256
  }

  private static func write(
    _ header: LogitCacheHeader, _ sequences: StageSequences, to path: String, stage: String,
    context: StageContext
  ) throws {
    let (length, k) = (header.sequenceLength, header.topK)
    let rows = sequences.count * length
    let teacher = context.teacher.decoder
    context.progress.begin(stage: "teacher's logits", totalSteps: sequences.count)
    try AtomicFile.publish(
      to: path,
      write: { temporary in
        let file = try HDF5File.create(temporary)
        try header.write(to: file)
        let ids = try file.createDataset(
          Self.ids, shape: [rows, k], type: .int32, rowsPerChunk: length)
        let probabilities = try file.createDataset(
          Self.logProbabilities, shape: [rows, k], type: .float32, rowsPerChunk: length)
        let remaining = try file.createDataset(
          Self.remainingMass, shape: [rows, 1], type: .float32, rowsPerChunk: length)
        for slot in sequences.slots {
          try context.stopIfAsked(in: stage)
          let batch = PackedBatch([sequences[slot]])
          let hidden = teacher.hiddenStates(
            batch.tokens, layout: batch.layout, on: Tape(isRecording: false))
          let top = linearTopTokens(hidden.value, head: teacher.head, count: k)
          let start = slot * length
          try ids.writeRows(start: start, top.ids)
          try probabilities.writeRows(start: start, top.logProbabilities)
          try remaining.writeRows(start: start, top.remainingMass)
          context.progress.update(step: slot + 1, tokens: length)
        }
        try file.close()
        try context.requireTeacher()
      },
      verify: { try LogitCacheHeader.read($0).require(header, path: path) })
    context.progress.end()
  }
}

/// What a file of cached logits says of itself.
struct LogitCacheHeader: Equatable {
  /// SHA-256 of the teacher's weights.
  var teacher: String
  /// SHA-256 of the sequences.
  var data: String
  var sequenceLength: Int
  var topK: Int

  func write(to file: HDF5File) throws {
    try file.attributes.set("format", to: .string(LogitCache.format))
    try file.attributes.set("program", to: .string("linearize \(EnvironmentReport.version)"))
    try file.attributes.set("teacher_sha256", to: .string(teacher))
    try file.attributes.set("sequences_sha256", to: .string(data))
    try file.attributes.set("sequence_length", to: .integer(sequenceLength))
    try file.attributes.set("top_k", to: .integer(topK))
  }

  /// - Throws: `HDF5Error`, and `InputError` for a file of another kind.
  static func read(_ path: String) throws -> LogitCacheHeader {
    let attributes = try HDF5File.open(path).attributes
    guard case .string(let format)? = try attributes.value("format"), format == LogitCache.format
    else {
      throw InputError(path, nil, "is no file of cached logits; remove it, or name another")
    }
    return LogitCacheHeader(
      teacher: try attributes.string("teacher_sha256"),
      data: try attributes.string("sequences_sha256"),
      sequenceLength: try attributes.integer("sequence_length"),
      topK: try attributes.integer("top_k"))
  }

  /// - Throws: `InputError` for the first thing that is not as expected.
  func require(_ expected: LogitCacheHeader, path: String) throws {
    let advice = "remove the file to write it again, or name another"
    func refuse(_ found: String, _ wanted: String) -> InputError {
      InputError(path, nil, "holds the logits of \(found), expected \(wanted); \(advice)")
    }
    if teacher != expected.teacher {
      throw refuse(
        "another teacher (weights of SHA-256 \(teacher))", "those of SHA-256 \(expected.teacher)")
    }
    if sequenceLength != expected.sequenceLength {
      throw refuse(
        "sequences of \(sequenceLength) tokens", "\(expected.sequenceLength)")
    }
    if topK != expected.topK { throw refuse("the top \(topK) tokens", "\(expected.topK)") }
    if data != expected.data {
      throw refuse(
        "other sequences (SHA-256 \(data))",
        "those that this text, order and number of steps give (SHA-256 \(expected.data))")
    }
  }
}
