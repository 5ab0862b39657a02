import Differentiation
import Operations
import Results
import Students
import TensorCore
import Transformers

/// How close a student is to its teacher: head by head on the teacher's residual stream, and in
/// its predictions on its own.
///
/// Heads are compared where both read the same layer input, the teacher's, so that a layer's
/// error is its own and not that of the layers below it. The student's side is its layer as it
/// stands, with adapters and merged projections: its outputs are then made of its own values, and
/// its monotonicity is taken in its own queries and keys. What each number means is said at
/// `FidelityResult.Head` and `AttentionRow`.
public struct FidelityMeasurement {
  private let teacher: Decoder
  private let student: Decoder
  private let options: FidelityOptions

  /// - Precondition: both have one configuration, `student` with mixers of its own on some layers.
  public init(teacher: Decoder, student: Decoder, options: FidelityOptions = FidelityOptions()) {
    precondition(
      teacher.configuration == student.configuration, "the student is another teacher's")
    self.teacher = teacher
    self.student = student
    self.options = options
  }

  /// Compares student and teacher on the given sequences, see `run(_:progress:)`.
  public func run(_ sequences: [EvaluationSequence]) -> FidelityResult {
    run(sequences) { _, _ in }
  }

  /// - Parameter progress: called after every pass with the passes done and all of them; what it
  ///   throws ends the measurement.
  /// - Returns: layers and maps are empty when no document has three tokens, or nothing was
  ///   converted; numbers are NaN where the student's are.
  /// - Precondition: ids are below the vocabulary size, at least one token is no padding.
  public func run(
    _ sequences: [EvaluationSequence], progress: (_ done: Int, _ of: Int) throws -> Void
  ) rethrows -> FidelityResult {
    let converted = student.convertedLayers
    let excerpts =
      converted.isEmpty ? [] : FidelityExcerpt.excerpts(of: sequences, options)
    // An encoder predicts nothing to be compared.
    let predicted = teacher.configuration.isEncoder ? [] : sequences
    let passes = excerpts.count + predicted.count
    let heads = teacher.configuration.attention.queryHeads
    var sums = [[AttentionHeadSums]](
      repeating: [AttentionHeadSums](repeating: AttentionHeadSums(), count: heads),
      count: converted.count)
    var far = [[FarShareSums]](
      repeating: [FarShareSums](repeating: FarShareSums(), count: heads), count: converted.count)
    var maps: [FidelityResult.AttentionMap] = []
    for (done, excerpt) in excerpts.enumerated() {
      measureHeads(excerpt, converted, sums: &sums, far: &far, maps: &maps)
      try progress(done + 1, passes)
    }
    var positions = FidelityResult.PositionRange.starts.map {
      FidelityResult.PositionRange(first: $0)
    }
    var agreements = 0
    for (done, sequence) in predicted.enumerated() {
      agreements += measureLogits(sequence, &positions)
      try progress(excerpts.count + done + 1, passes)
    }
    let layers =
      excerpts.isEmpty
      ? []
      : converted.indices.map { slot in
        FidelityResult.Layer(
          index: converted[slot],
          heads: zip(sums[slot], far[slot]).map {
            var head = $0.head
            head.far = $1.share
            return head
          })
      }
    if teacher.configuration.isEncoder {
      return FidelityResult(
        layers: layers, logitDivergence: nil, topAgreement: nil,
        tokens: excerpts.reduce(0) { $0 + $1.tokens.count }, maps: maps)
    }
    let tokens = positions.reduce(0) { $0 + $1.tokens }
    precondition(tokens > 0, "\(sequences.count) sequences without tokens")
    return FidelityResult(
      layers: layers,
      logitDivergence: positions.reduce(0) { $0 + $1.divergenceSum } / Double(tokens),
      topAgreement: Double(agreements) / Double(tokens), tokens: tokens, maps: maps,
      positions: positions.filter { $0.tokens > 0 })
  }

  // MARK: Heads

  /// One pass of the teacher, with the student's converted layers beside it.
  private func measureHeads(
    _ excerpt: FidelityExcerpt, _ converted: [Int], sums: inout [[AttentionHeadSums]],
    far: inout [[FarShareSums]], maps: inout [FidelityResult.AttentionMap]
  ) {
    let count = excerpt.tokens.count
    let layout = SequenceLayout(
      rows: count,
      segments: [.init(start: 0, count: count, firstPosition: excerpt.firstPosition)])
    let tape = Tape(isRecording: false)
    // The student's: the teacher's layers share nothing.
    let studentPass = ForwardPass(layout, on: tape)
    var slot = 0
    teacher.forEachLayer(excerpt.tokens, ForwardPass(layout, on: tape)) { visit in
      let teacherMixer = visit.layer.teacherMixer
      let output = teacherMixer.forward(visit.input, on: tape)
      if visit.layer.index == converted[slot] {
        let other = LayerVisit(
          student.layers[visit.layer.index], stream: visit.stream, studentPass)
        let shape = teacher.configuration.attention
        let sides = (
          teacher: (teacherMixer, visit.input, output.value),
          student: (
            other.layer.mixer, other.input, other.layer.mixer.forward(other.input, on: tape).value
          )
        )
        let comparison = HeadComparison(
          teacher: sides.teacher, student: sides.student, shape: shape)
        comparison.add(to: &sums[slot])
        FarShareComparison(
          teacher: sides.teacher, student: sides.student, weights: comparison.studentWeights,
          shape: shape)?.add(to: &far[slot])
        if excerpt.isMapped {
          maps += comparison.maps(
            layer: visit.layer.index, tokens: min(count, options.mapTokens),
            size: options.mapSize)
        }
        slot += 1
      }
      return slot < converted.count ? visit.finish(attention: output) : nil
    }
  }

  // MARK: Logits

  /// Both decoders on their own residual streams.
  ///
  /// - Returns: tokens for which both hold the same most probable.
  private func measureLogits(
    _ sequence: EvaluationSequence, _ positions: inout [FidelityResult.PositionRange]
  ) -> Int {
    let tape = Tape(isRecording: false)
    let hidden = [teacher, student].map {
      $0.hiddenStates(sequence.tokens, layout: sequence.layout, on: tape).value
    }
    let (divergences, agrees) = linearKLDivergence(
      hidden[0], head: teacher.head, to: hidden[1], head: student.head)
    let rows = sequence.layout.segments.flatMap(\.rows)
    for row in rows {
      let context = Int(sequence.layout.positions[row])
      let range = positions.lastIndex { $0.first <= context }!
      positions[range].divergenceSum += divergences[row]
      positions[range].tokens += 1
    }
    return rows.count { agrees[$0] }
  }
}
