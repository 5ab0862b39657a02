import Differentiation
import Operations
import TensorCore

/// A mixer whose outputs are sums of values, with weights that do not depend on the values: they
/// can be looked at and compared with the teacher's.
public protocol AttentionWeightMixer: TokenMixer {}

/// A mixer whose attention weights can be trained towards the teacher's.
public protocol WeightTrainedMixer: AttentionWeightMixer {
  /// Per-head outputs and, when `weight` is not 0, the cross-entropy of attention weights (see
  /// `attentionWeightCrossEntropy`) with the seeds of its gradient times `weight`.
  func forwardWithWeightLoss(
    _ input: MixerInput, teacherWindow: Int?, floor: AttentionWeightFloor, weight: Float,
    on tape: Tape
  ) -> (output: Variable, crossEntropy: Double, seeds: [(variable: Variable, gradient: Tensor)])
}

extension WeightTrainedMixer {
  /// With the floor of the LoLCATs code.
  public func forwardWithWeightLoss(
    _ input: MixerInput, teacherWindow: Int?, weight: Float, on tape: Tape
  ) -> (output: Variable, crossEntropy: Double, seeds: [(variable: Variable, gradient: Tensor)]) {
    forwardWithWeightLoss(
      input, teacherWindow: teacherWindow, floor: .clamp, weight: weight, on: tape)
  }
}
