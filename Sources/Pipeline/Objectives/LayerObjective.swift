import Corpus
import Differentiation
import Operations
import Students
import TensorCore
import Transformers

/// What every layer's new attention learns from the teacher's, each layer by itself.
struct LayerLosses: Sendable {
  let losses: [any LayerLoss]
  let reads: LayerInput

  init(_ losses: [any LayerLoss], reads: LayerInput) {
    // Mixers that compare attention weights give their outputs on the way.
    self.losses =
      losses.filter { $0 is any AttentionWeightLoss }
      + losses.filter { !($0 is any AttentionWeightLoss) }
    self.reads = reads
  }

  /// What the losses ask of a mixer and this one has not; nil where it can be trained, or has nothing
  /// to train.
  func mistake(of mixer: any TokenMixer) -> StageField? {
    if mixer.parameters.isEmpty { return nil }
    for loss in losses {
      guard let problem = loss.problem(of: mixer) else { continue }
      return StageField(
        key: "losses",
        problem: "name \"\(type(of: loss).kind)\", but the student's mixer, \(type(of: mixer)), "
          + "\(problem); remove it")
    }
    return nil
  }

  /// Losses of one layer, and with a share their gradients times that, which the layer's trained
  /// parameters receive. The inputs are the teacher's, so nothing flows out of the layer.
  func measure(
    _ student: DecoderLayer, of teacher: TeacherAttention, share: Double?
  ) -> [LossTerm] {
    let tape = Tape(isRecording: share != nil)
    let layer = LayerComparison(student, of: teacher, reads: reads, on: tape)
    let terms = losses.map { loss in
      LossTerm(
        name: loss.metric, weight: loss.weight, layer: student.index,
        sum: loss.measure(layer, gradientWeight: Float(loss.weight * (share ?? 0))), count: 1)
    }
    if share != nil { tape.backward(from: layer.seeds) }
    return terms
  }
}

/// One pass of the teacher over a batch, with the student's layers beside it. Layer by layer: no
/// logits are computed, and a layer's graph is gone before the next begins.
struct LayerObjective: Objective {
  let teacher: Decoder
  let student: Decoder
  let losses: LayerLosses
  /// Asked layer by layer: of a large model a pass takes minutes.
  var interruption = Interruption.none

  func measure(_ batch: MicroBatch, share: Double?) throws -> [LossTerm] {
    try measure(batch.sequences, share: share)
  }

  /// - Returns: terms of the converted layers, in their order.
  func measure(_ sequences: PackedBatch, share: Double?) throws -> [LossTerm] {
    // One text a sequence is mostly padding.
    let batch = teacher.configuration.isEncoder ? sequences.withoutPadding : sequences
    let converted = student.convertedLayers
    let last = converted.last ?? -1
    // The loss is the mean over layers.
    let layerShare = share.map { $0 / Double(converted.count) }
    var terms: [LossTerm] = []
    try teacher.forEachLayer(batch.tokens, .besideStudent(batch.layout)) { visit in
      try interruption.check()
      let attention = TeacherAttention(visit.layer, normed: visit.normed, visit.pass)
      let index = visit.layer.index
      if converted.contains(index) {
        terms += losses.measure(student.layers[index], of: attention, share: layerShare)
      }
      return index < last ? visit.finish(added: attention.added) : nil
    }
    return terms
  }
}
