import CVectorKernels
import Foundation
import TensorCore

/// One step of AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101), in place:
/// `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`,
/// `w ← (1 − lr·decay) w − lr/(1−β₁ᵗ) · m / (sqrt(v/(1−β₂ᵗ)) + epsilon)`.
///
/// - Parameter step: `t`, from 1.
public func adamWStep(
  value: inout Tensor, gradient: Tensor, firstMoment: inout Tensor, secondMoment: inout Tensor,
  learningRate: Float, betas: (Double, Double), epsilon: Float, weightDecay: Float, step: Int
) {
  precondition(
    value.count == gradient.count && value.count == firstMoment.count
      && value.count == secondMoment.count,
    "value \(value.shape), gradient \(gradient.shape), moments \(firstMoment.shape)")
  let count = value.count
  let correction1 = Float(1 - pow(betas.0, Double(step)))
  let correction2 = Float(1 - pow(betas.1, Double(step)))
  withPointers(writing(&value), writing(&firstMoment), writing(&secondMoment), gradient) {
    value, first, second, gradient in
    WorkerPool.shared.parallelRanges(count, minimum: 1 << 14) {
      let start = $0.lowerBound
      vk_adamw(
        value + start, gradient + start, first + start, second + start, $0.count, learningRate,
        Float(betas.0), Float(betas.1), epsilon, weightDecay, correction1, correction2)
    }
  }
}

/// Sum of squares, in double precision over blocks of fixed length, so that it does not depend on
/// the number of workers.
public func sumOfSquares(_ x: Tensor) -> Double {
  let count = x.count
  var total = 0.0
  x.withPointer { x in
    for start in stride(from: 0, to: count, by: 4096) {
      total += Double(vk_dot(x + start, x + start, min(4096, count - start)))
    }
  }
  return total
}

extension Naive {
  /// `adamWStep` for one coordinate.
  public static func adamWStep(
    value: Double, gradient: Double, moments: (Double, Double), learningRate: Double,
    betas: (Double, Double), epsilon: Double, weightDecay: Double, step: Int
  ) -> (value: Double, moments: (Double, Double)) {
    let first = betas.0 * moments.0 + (1 - betas.0) * gradient
    let second = betas.1 * moments.1 + (1 - betas.1) * gradient * gradient
    let mean = first / (1 - pow(betas.0, Double(step)))
    let square = second / (1 - pow(betas.1, Double(step)))
    let decayed = value * (1 - learningRate * weightDecay)
    return (decayed - learningRate * mean / (square.squareRoot() + epsilon), (first, second))
  }
}
