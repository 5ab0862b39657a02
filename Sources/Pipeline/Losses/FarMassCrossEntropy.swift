import Documents
import Operations
import Students

/// Binary cross-entropy of the share of attention that a student gives to its memory, against what
/// share of the teacher's falls on the same keys.
struct FarMassCrossEntropy: LayerLoss {
  static let kind = "far-mass-cross-entropy"
  static let summary =
    "Binary cross-entropy of the memory's share of attention against the teacher's; quadratic time."

  let weight: Double
  let metric = "farMassCrossEntropy"

  init(_ reader: DocumentReader) { weight = reader.lossWeight() }

  func problem(of mixer: any TokenMixer) -> String? {
    (mixer as? any FarMassMixer)?.farMassKeys == nil
      ? "says no share of the attention for the keys that left a window" : nil
  }

  func measure(_ layer: LayerComparison, gradientWeight: Float) -> Double {
    guard let mixer = layer.student.mixer as? any FarMassMixer, let keys = mixer.farMassKeys else {
      preconditionFailure("\(type(of: layer.student.mixer)) says no share of its memory")
    }
    let logits = mixer.farMassLogits(layer.input, on: layer.tape)
    let (value, gradient) = farMassCrossEntropy(
      logits.value, far: layer.teacher.farAttention(keys), weight: gradientWeight)
    if gradientWeight != 0 { layer.seed(logits, gradient) }
    return value
  }
}
