import Corpus
import Differentiation
import Operations
import Transformers

/// Next-token cross-entropy of a decoder, for whatever of it is trained.
struct NextTokenObjective: Objective {
  let student: Decoder
  /// Whether layers are computed again in the backward pass instead of kept.
  let isCheckpointed: Bool

  func measure(_ batch: MicroBatch, share: Double?) -> [LossTerm] {
    // Dropout of adapters is keyed by the batch.
    LowRankUpdates.setStep(batch.number, of: student)
    defer { LowRankUpdates.setStep(nil, of: student) }
    let sequences = batch.sequences
    let tape = Tape(isRecording: share != nil)
    let hidden = student.hiddenStates(
      sequences.tokens, layout: sequences.layout, on: tape,
      isCheckpointed: share != nil && isCheckpointed)
    let targets = sequences.targets
    let counted = targets.count { $0 != ignoredTarget }
    let losses = student.crossEntropy(
      hidden, targets: targets, gradientScale: share.map { Float($0 / Double(max(1, counted))) },
      on: tape)
    return [
      LossTerm(
        name: "crossEntropy", weight: 1, sum: losses.reduce(0) { $0 + Double($1) }, count: counted)
    ]
  }
}
