import Corpus
import Operations
import Students
import TensorCore
import Transformers

/// What a student's start is computed of, where its recipe asks for that: the teacher's attention
/// on a few sequences of the training data. They are a function of the recipe's seed and the data,
/// so that a resumed run starts from the same student.
struct StudentCalibration {
  /// Sequences that are drawn.
  static let sequences = 8
  /// Most tokens of a document: the weights are `[queryHeads, tokens, tokens]`.
  static let tokens = 512

  let specification: StudentSpecification
  let seed: UInt64

  /// Documents of the drawn sequences, each from its beginning.
  func documents(_ train: PackedSequences) -> [(tokens: [Int32], layout: SequenceLayout)] {
    var generator = SeededGenerator(seed: seed, purpose: "calibration")
    return (0..<min(Self.sequences, train.count)).flatMap { _ in
      let sequence = train[Int(generator.next() % UInt64(train.count))]
      return sequence.segments.filter { $0.count > Decoder.calibrationSinks }.map { segment in
        let count = min(segment.count, Self.tokens)
        return (
          Array(sequence.tokens[segment.start..<segment.start + count]),
          SequenceLayout(length: count)
        )
      }
    }
  }

  /// Makes the student's mixers anew.
  ///
  /// - Throws: `DatasetError` when the data has no document that is long enough.
  func run(_ student: Decoder, of teacher: Decoder, _ train: PackedSequences) throws {
    let documents = documents(train)
    if documents.isEmpty {
      throw DatasetError.badData(
        "data.train: none of \(Self.sequences) sequences has a document of more than "
          + "\(Decoder.calibrationSinks) tokens, of which a start \"calibrated\" of the student "
          + "(decayStart, gateStart; mamba-2 has no other) could be measured; give longer documents, or "
          + "leave it out")
    }
    student.calibrate(specification, of: teacher, on: documents, seed: seed)
  }
}
