import CVectorKernels
import Foundation
import TensorCore

/// Functions of one coordinate that gates and decays are made of. The gradient of each follows
/// from its output alone, so that the input need not be kept.
public enum PointwiseFunction: String, Sendable, CaseIterable {
  case tanh
  case sigmoid
  /// `log(1 + e^x)`.
  case softplus
  case exp
  /// `1 − e^x`, exact also where a decay is slow: what RAD-RWKV6 scales its keys by.
  case oneMinusExp
  /// `max(−e^x, −5)`: the logarithm of the decay of RAD-RWKV6, bounded as its code has it
  /// (arXiv 2505.03005).
  case boundedDecay

  static let leastLogDecay: Float = -5

  func callAsFunction(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
    switch self {
    case .tanh:
      for index in 0..<count { y[index] = tanhf(x[index]) }
    case .sigmoid:
      _ = vk_exp_sum(x, y, count, -1, 0)
      for index in 0..<count { y[index] = 1 / (1 + y[index]) }
    case .softplus:
      for index in 0..<count { y[index] = max(x[index], 0) + log1pf(expf(-abs(x[index]))) }
    case .exp:
      vk_exp(x, y, count)
    case .oneMinusExp:
      for index in 0..<count { y[index] = -expm1f(x[index]) }
    case .boundedDecay:
      vk_exp(x, y, count)
      for index in 0..<count { y[index] = max(-y[index], Self.leastLogDecay) }
    }
  }

  func backward(
    _ y: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>,
    _ count: Int
  ) {
    switch self {
    case .tanh:
      for index in 0..<count { dx[index] = gradient[index] * (1 - y[index]) * (1 + y[index]) }
    case .sigmoid:
      for index in 0..<count { dx[index] = gradient[index] * y[index] * (1 - y[index]) }
    case .softplus:
      // 1 − e^{−y} is sigmoid(x), and small where y is.
      for index in 0..<count { dx[index] = -gradient[index] * expm1f(-y[index]) }
    case .exp:
      vk_multiply(gradient, y, dx, count)
    case .oneMinusExp:
      for index in 0..<count { dx[index] = gradient[index] * (y[index] - 1) }
    case .boundedDecay:
      for index in 0..<count {
        dx[index] = y[index] > Self.leastLogDecay ? gradient[index] * y[index] : 0
      }
    }
  }
}

private let grain = 1 << 14

/// The function of every element.
public func pointwise(_ x: Tensor, _ function: PointwiseFunction) -> Tensor {
  let count = x.count
  var result = Tensor(uninitialized: x.shape)
  withPointers(writing(&result), x) { result, x in
    WorkerPool.shared.parallelRanges(count, minimum: grain) {
      function(x + $0.lowerBound, result + $0.lowerBound, $0.count)
    }
  }
  return result
}

/// Gradient of `pointwise` from that of its `output` and the output itself.
public func pointwiseGradient(
  _ gradient: Tensor, output: Tensor, _ function: PointwiseFunction
) -> Tensor {
  let count = output.count
  var result = Tensor(uninitialized: output.shape)
  withPointers(writing(&result), gradient, output) { result, gradient, output in
    WorkerPool.shared.parallelRanges(count, minimum: grain) {
      let start = $0.lowerBound
      function.backward(output + start, gradient + start, result + start, $0.count)
    }
  }
  return result
}
