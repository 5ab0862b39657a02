import Corpus
import Differentiation
import Operations
import Transformers

/// Losses of a decoder's next-token distributions, for whatever of it is trained.
struct TokenObjective: Objective {
  let losses: [any TokenLoss]
  let student: Decoder
  /// What the student's distributions are compared with; nil where no loss is of a teacher.
  let teacher: TeacherDistributions?
  /// Whether layers are computed again in the backward pass instead of kept.
  let isCheckpointed: Bool
  /// Whether low-rank updates drop inputs, where they ask for it.
  var hasDropout = true

  func measure(_ batch: MicroBatch, share: Double?) throws -> [LossTerm] {
    // Dropout of adapters is keyed by the batch.
    if hasDropout { LowRankUpdates.setStep(batch.number, of: student) }
    defer { if hasDropout { LowRankUpdates.setStep(nil, of: student) } }
    let sequences = batch.sequences
    let targets = sequences.targets
    let counts = TokenCounts(
      tokens: batch.tokens, targets: targets.count { $0 != ignoredTarget })
    // Before the student's graph stands, so that the teacher's scratch does not come on top of it.
    let reference = try teacher?.read(batch)
    let tape = Tape(isRecording: share != nil)
    let hidden = student.hiddenStates(
      sequences.tokens, layout: sequences.layout, on: tape,
      isCheckpointed: share != nil && isCheckpointed)
    let scales = share.map { share in
      var scales = DistillationScales(divergence: 0, crossEntropy: 0)
      for loss in losses {
        loss.add(Float(share * loss.weight / Double(max(1, loss.count(counts)))), to: &scales)
      }
      return scales
    }
    let values: (any TokenLoss) -> [Float]
    if let reference {
      let measured = student.distillation(
        hidden, teacher: reference, counted: sequences.isCounted, targets: targets,
        scales: scales, on: tape)
      values = { $0.values(of: measured) }
    } else {
      let measured = student.crossEntropy(
        hidden, targets: targets, gradientScale: scales?.crossEntropy, on: tape)
      values = { _ in measured }
    }
    return losses.map { loss in
      LossTerm(
        name: name(of: loss), weight: loss.weight,
        sum: values(loss).reduce(0) { $0 + Double($1) }, count: loss.count(counts))
    }
  }

  /// Which distributions a loss is of: those of a file are cut off.
  private func name(of loss: any TokenLoss) -> String {
    guard case .stored(let cache)? = teacher, loss.readsTeacher else { return loss.metric }
    return "\(loss.metric)Top\(cache.topK)"
  }
}

extension TokenObjective {
  /// With the teacher at hand where a loss is of its distributions.
  init(_ losses: [any TokenLoss], isCheckpointed: Bool, in context: StageContext) {
    self.init(
      losses: losses, student: context.student,
      teacher: losses.contains(where: \.readsTeacher)
        ? .computed(context.teacher.decoder) : nil, isCheckpointed: isCheckpointed)
  }
}

/// Where a teacher's next-token distributions come from.
enum TeacherDistributions {
  /// The teacher is asked for every batch.
  case computed(Decoder)
  /// A file has its most probable tokens.
  case stored(LogitCache)

  func read(_ batch: MicroBatch) throws -> DistillationTeacher {
    switch self {
    case .computed(let teacher):
      let hidden = teacher.hiddenStates(
        batch.sequences.tokens, layout: batch.sequences.layout, on: Tape(isRecording: false))
      return .hidden(hidden.value, head: teacher.head)
    case .stored(let cache):
      return .truncated(try cache.read(batch.places.map(cache.sequences.slot)))
    }
  }
}

extension StageCost {
  /// Adds what asking the teacher for every batch costs.
  mutating func addTeacherDistributions(_ sizes: StageSizes) {
    let vocabulary = sizes.configuration.vocabularySize
    memoryBytes +=
      4
      * (sizes.rows * sizes.hidden
        + min(sizes.rows, LogitHead.tileRows(vocabulary: vocabulary)) * vocabulary)
    operationsPerToken += sizes.bodyOperations + sizes.softmaxOperations + sizes.headOperations
  }
}

extension PackedBatch {
  /// Whether a row holds a token, not padding.
  fileprivate var isCounted: [Bool] {
    var counted = [Bool](repeating: false, count: tokens.count)
    for segment in segments {
      for row in segment.range { counted[row] = true }
    }
    return counted
  }
}
