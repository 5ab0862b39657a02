import Corpus
import Differentiation
import Documents
import Operations
import Students
import TensorCore
import Transformers

/// The loss of attention transfer on one layer: `meanSquaredErrorWeight · MSE(ŷ, y)` over per-head
/// outputs before the output projection, averaged over tokens, heads and head dimensions, plus
/// `crossEntropyWeight` times the cross-entropy of attention rows, averaged over tokens and heads
/// (arXiv 2410.10254, equation 6, as its code reduces it).
struct TransferObjective: Sendable {
  var meanSquaredErrorWeight: Double
  var crossEntropyWeight: Double
  var attentionWeightFloor: AttentionWeightFloor

  init(_ specification: AttentionTransferSpecification) {
    meanSquaredErrorWeight = specification.meanSquaredErrorWeight
    crossEntropyWeight = specification.attentionWeightCrossEntropyWeight
    attentionWeightFloor = specification.attentionWeightFloor
  }

  /// Loss of one layer, and with `gradientFactor` its gradients, which the mixer's parameters
  /// receive. The inputs are the teacher's, so nothing flows out of the layer.
  func layerLoss(
    _ mixer: any TokenMixer, input: MixerInput, target: Tensor, teacherWindow: Int?,
    gradientFactor: Double?
  ) -> Double {
    let tape = Tape(isRecording: gradientFactor != nil)
    let factor = gradientFactor ?? 0
    var loss = 0.0
    var seeds: [(variable: Variable, gradient: Tensor)] = []
    let output: Variable
    if crossEntropyWeight > 0 {
      guard let mixer = mixer as? any WeightTrainedMixer else {
        preconditionFailure("\(type(of: mixer)) has no attention weights to compare")
      }
      let result = mixer.forwardWithWeightLoss(
        input, teacherWindow: teacherWindow, floor: attentionWeightFloor,
        weight: Float(crossEntropyWeight * factor), on: tape)
      output = result.output
      loss += crossEntropyWeight * result.crossEntropy
      seeds = result.seeds
    } else {
      output = mixer.forward(input, on: tape)
    }
    let (error, gradient) = meanSquaredError(
      output.value, target, layout: input.layout,
      weight: Float(meanSquaredErrorWeight * factor))
    loss += meanSquaredErrorWeight * error
    // Without a weight the error's gradient is 0, and its way back through the attention for nothing.
    if meanSquaredErrorWeight > 0 { seeds.append((output, gradient)) }
    if gradientFactor != nil { tape.backward(from: seeds) }
    return loss
  }
}

extension TransferObjective: LayerObjective {
  func mistake(of mixer: any TokenMixer) -> StageField? {
    if crossEntropyWeight == 0 || mixer is any WeightTrainedMixer { return nil }
    return StageField(
      key: "attentionWeightCrossEntropyWeight",
      problem: "is above 0, but the student's mixer, \(type(of: mixer)), has no attention weights "
        + "to compare; set it to 0")
  }

  func loss(
    _ student: DecoderLayer, of teacher: TeacherAttention, gradientFactor: Double?
  ) -> Double {
    layerLoss(
      student.mixer, input: teacher.input, target: teacher.heads.value,
      teacherWindow: teacher.layer.teacherMixer.window, gradientFactor: gradientFactor)
  }
}

/// One pass of the teacher over a batch, with the student's layers beside it. Layer by layer: no
/// logits are computed, and a layer's graph is gone before the next begins.
struct TransferPass {
  let teacher: Decoder
  let student: Decoder
  let objective: any LayerObjective

  /// - Parameter gradientFactor: of the sum of the layers' losses; nil for a pass that only
  ///   measures.
  /// - Returns: losses of the converted layers, in their order.
  func losses(_ batch: PackedBatch, gradientFactor: Double?) -> [Double] {
    // One text a sequence is mostly padding.
    let batch = teacher.configuration.isEncoder ? batch.withoutPadding : batch
    let last = student.convertedLayers.last ?? -1
    var losses: [Double] = []
    teacher.forEachLayer(batch.tokens, .besideStudent(batch.layout)) { visit in
      let attention = TeacherAttention(visit.layer, normed: visit.normed, visit.pass)
      let own = student.layers[visit.layer.index]
      if !(own.mixer is SoftmaxAttentionMixer) {
        losses.append(objective.loss(own, of: attention, gradientFactor: gradientFactor))
      }
      return visit.layer.index < last ? visit.finish(added: attention.added) : nil
    }
    return losses
  }
}
