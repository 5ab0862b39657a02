import Differentiation
import Operations
import TensorCore

extension FeatureMapAttention: WeightTrainedMixer {
  func forwardWithWeightLoss(
    _ input: MixerInput, teacherWindow: Int?, floor: AttentionWeightFloor, weight: Float,
    on tape: Tape
  ) -> (output: Variable, crossEntropy: Double, seeds: [(variable: Variable, gradient: Tensor)]) {
    let features = features(input, on: tape)
    let output = tape.hybridAttention(
      queries: input.queries, keys: input.keys, values: input.values,
      queryFeatures: features.queries, keyFeatures: features.keys,
      windowFactors: features.windowFactors, shape: shape, layout: input.layout)
    let (value, gradients) = attentionWeightCrossEntropy(
      queries: input.queries.value, keys: input.keys.value,
      queryFeatures: features.queries.value, keyFeatures: features.keys.value,
      windowFactors: features.windowFactors?.value ?? Tensor(zeros: [0]), shape: shape,
      layout: input.layout, teacherWindow: teacherWindow, floor: floor, weight: weight)
    var seeds = [
      (features.queries, gradients.queryFeatures), (features.keys, gradients.keyFeatures),
    ]
    if let factors = features.windowFactors { seeds.append((factors, gradients.windowFactors)) }
    return (output, value, seeds)
  }
}
