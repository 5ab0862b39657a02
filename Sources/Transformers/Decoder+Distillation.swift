import Differentiation
import Operations
import TensorCore

extension Decoder {
  /// Distillation (of a model with a head) into the final hidden states; see `linearDistillation`.
  /// With scales it runs the tape backward, so that all trained parameters have gradients.
  ///
  /// - Parameters:
  ///   - hidden: from `hiddenStates` on the same tape.
  ///   - scales: factors of the gradients of the **sums** of the losses; nil when none are needed.
  public func distillation(
    _ hidden: Variable, teacher: DistillationTeacher, counted: [Bool], targets: [Int32],
    scales: DistillationScales?, on tape: Tape
  ) -> DistillationLosses {
    guard let scales, weights.head!.isTrained(on: tape) else {
      let (losses, gradient) = linearDistillation(
        hidden.value, head: head, teacher: teacher, counted: counted, targets: targets,
        scales: scales)
      if let gradient { tape.backward(from: [(hidden, gradient)]) }
      return losses
    }
    let table = weights.head!.variable(on: tape)
    let (losses, gradient, headGradient) = linearDistillationGradients(
      hidden.value, head: table.value, transform: configuration.logits, teacher: teacher,
      counted: counted, targets: targets, scales: scales)
    tape.backward(from: [(hidden, gradient), (table, headGradient)])
    return losses
  }
}
