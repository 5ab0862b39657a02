import Documents
import Operations
import Students

/// Cross-entropy of the keys beyond the window among themselves, rows weighted by how much of the
/// teacher's attention falls on them: what a memory has to learn, with nothing of the window in it.
struct FarAttentionCrossEntropy: LayerLoss {
  static let kind = "far-attention-cross-entropy"
  static let summary =
    "Cross-entropy of the memory's weights of its keys against the teacher's; quadratic time."

  let weight: Double
  let metric = "farAttentionCrossEntropy"

  init(_ reader: DocumentReader) { weight = reader.lossWeight() }

  func problem(of mixer: any TokenMixer) -> String? {
    mixer is any FarWeightMixer ? nil : "weighs no keys by features"
  }

  func measure(_ layer: LayerComparison, gradientWeight: Float) -> Double {
    guard let mixer = layer.student.mixer as? any FarWeightMixer else {
      preconditionFailure("\(type(of: layer.student.mixer)) weighs no keys by features")
    }
    let features = mixer.farFeatures(layer.input, on: layer.tape)
    let input = layer.teacher.input
    let (value, gradients) = farRowCrossEntropy(
      queries: input.queries.value, keys: input.keys.value,
      queryFeatures: features.queries.value, keyFeatures: features.keys.value,
      far: layer.teacher.farAttention(mixer.farKeys), weight: gradientWeight)
    if let gradients {
      layer.seed(features.queries, gradients.queryFeatures)
      layer.seed(features.keys, gradients.keyFeatures)
    }
    return value
  }
}
