import Documents
import Operations
import Students

/// Cross-entropy of rows of attention weights, averaged over tokens and heads (Hedgehog,
/// arXiv 2402.04347, section 4.2). Both matrices are computed in tiles: time is quadratic in the
/// sequence, memory linear.
struct AttentionWeightCrossEntropy: AttentionWeightLoss {
  static let kind = "attention-weight-cross-entropy"
  static let summary =
    "Cross-entropy between rows of the teacher's and the student's attention weights; quadratic time."

  let weight: Double
  let metric = "attentionWeightCrossEntropy"
  /// What keeps the logarithm finite.
  let floor: AttentionWeightFloor

  init(_ reader: DocumentReader) {
    weight = reader.lossWeight()
    floor = reader.choice(
      "floor", default: .clamp,
      "What keeps the logarithm finite; clamp: log max(w, 1e-12), as LoLCATs; add: log(w + 1e-9), "
        + "as Hedgehog.")
  }

  func problem(of mixer: any TokenMixer) -> String? {
    mixer is any WeightTrainedMixer
      ? nil
      : "has no attention weights to compare (in short: attentionWeightCrossEntropyWeight)"
  }

  func measure(_ layer: LayerComparison, gradientWeight: Float) -> Double {
    guard let mixer = layer.student.mixer as? any WeightTrainedMixer else {
      preconditionFailure("\(type(of: layer.student.mixer)) has no attention weights to compare")
    }
    let result = mixer.forwardWithWeightLoss(
      layer.input, teacherWindow: layer.teacher.layer.teacherMixer.window, floor: floor,
      weight: gradientWeight, on: layer.tape)
    layer.heads = result.output
    if gradientWeight != 0 {
      for (variable, gradient) in result.seeds { layer.seed(variable, gradient) }
    }
    return result.crossEntropy
  }
}
