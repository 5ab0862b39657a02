import CVectorKernels
import Foundation
import TensorCore

/// Elements of a chunk that one worker takes at a time in elementwise loops.
private let grain = 1 << 14

/// `left + right`, equal shapes.
public func sum(_ left: Tensor, _ right: Tensor) -> Tensor {
  var result = left
  accumulate(right, into: &result)
  return result
}

/// `total += factor * addend`.
public func accumulate(_ addend: Tensor, scaledBy factor: Float = 1, into total: inout Tensor) {
  precondition(total.count == addend.count, "cannot add \(addend.shape) to \(total.shape)")
  let count = total.count
  withPointers(writing(&total), addend) { total, addend in
    WorkerPool.shared.parallelRanges(count, minimum: grain) { range in
      vk_add_scaled(
        total + range.lowerBound, addend + range.lowerBound, factor, range.count)
    }
  }
}

/// `factor * x`.
public func scaled(_ x: Tensor, by factor: Float) -> Tensor {
  var result = Tensor(uninitialized: x.shape)
  result.withMutablePointer { result in
    x.withPointer { vk_scale($0, result, factor, x.count) }
  }
  return result
}

/// `scale * x + offset`.
public func affine(_ x: Tensor, scale: Float, offset: Float) -> Tensor {
  let count = x.count
  var result = Tensor(uninitialized: x.shape)
  withPointers(writing(&result), x) { result, x in
    WorkerPool.shared.parallelRanges(count, minimum: grain) {
      for index in $0 { result[index] = scale * x[index] + offset }
    }
  }
  return result
}

/// Adds `bias`, `[width]`, to every row of `x`.
public func addBias(_ bias: Tensor, to x: inout Tensor) {
  let width = bias.count
  let rows = x.count / width
  withPointers(writing(&x), bias) { x, bias in
    WorkerPool.shared.parallelRanges(rows, minimum: 32) { range in
      for row in range { vk_add_scaled(x + row * width, bias, 1, width) }
    }
  }
}

/// Sum over the rows of `x`: `[rows, width] -> [width]`.
public func columnSums(_ x: Tensor, width: Int) -> Tensor {
  let rows = x.count / width
  var sums = Tensor(zeros: [width])
  withPointers(writing(&sums), x) { sums, x in
    for row in 0..<rows { vk_add_scaled(sums, x + row * width, 1, width) }
  }
  return sums
}

/// The nonlinearity of a feed-forward block.
public enum Activation: String, Sendable, CaseIterable {
  case silu
  /// `gelu_new`, `gelu_pytorch_tanh`.
  case geluTanh
  /// `x Φ(x)` with the exact error function.
  case gelu
  case relu

  func callAsFunction(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
    switch self {
    case .silu:
      for index in 0..<count { y[index] = x[index] / (1 + expf(-x[index])) }
    case .geluTanh:
      vk_gelu_tanh(x, y, count)
    case .gelu:
      for index in 0..<count { y[index] = 0.5 * x[index] * (1 + erff(x[index] * 0.70710678)) }
    case .relu:
      for index in 0..<count { y[index] = max(0, x[index]) }
    }
  }

  func backward(
    _ x: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ count: Int
  ) {
    switch self {
    case .silu:
      for index in 0..<count {
        let s = 1 / (1 + expf(-x[index]))
        y[index] = gradient[index] * s * (1 + x[index] * (1 - s))
      }
    case .geluTanh:
      vk_gelu_tanh_backward(x, gradient, y, count)
    case .gelu:
      for index in 0..<count {
        let cumulative = 0.5 * (1 + erff(x[index] * 0.70710678))
        let density = 0.39894228 * expf(-0.5 * x[index] * x[index])
        y[index] = gradient[index] * (cumulative + x[index] * density)
      }
    case .relu:
      for index in 0..<count { y[index] = x[index] > 0 ? gradient[index] : 0 }
    }
  }
}

/// The activation of every element.
public func activated(_ x: Tensor, _ activation: Activation) -> Tensor {
  var result = Tensor(uninitialized: x.shape)
  withPointers(writing(&result), x) { result, input in
    WorkerPool.shared.parallelRanges(x.count, minimum: grain) {
      activation(input + $0.lowerBound, result + $0.lowerBound, $0.count)
    }
  }
  return result
}

/// The gradient of `activated` for its input `x`.
public func activationGradient(_ gradient: Tensor, x: Tensor, _ activation: Activation) -> Tensor {
  var result = Tensor(uninitialized: x.shape)
  withPointers(writing(&result), x, gradient) { result, input, gradient in
    WorkerPool.shared.parallelRanges(x.count, minimum: grain) {
      activation.backward(
        input + $0.lowerBound, gradient + $0.lowerBound, result + $0.lowerBound, $0.count)
    }
  }
  return result
}

/// `silu(gate) ⊙ up`, the gated unit of Llama's feed-forward block (arXiv 2002.05202).
public func siluMultiply(gate: Tensor, up: Tensor) -> Tensor {
  precondition(gate.shape == up.shape, "gate \(gate.shape) and up \(up.shape) differ")
  let count = gate.count
  var result = Tensor(uninitialized: gate.shape)
  withPointers(writing(&result), gate, up) { result, gate, up in
    WorkerPool.shared.parallelRanges(count, minimum: grain) {
      vk_silu_multiply(
        gate + $0.lowerBound, up + $0.lowerBound, result + $0.lowerBound, $0.count)
    }
  }
  return result
}

/// The gradients of `siluMultiply` for its two factors.
public func siluMultiplyGradients(_ gradient: Tensor, gate: Tensor, up: Tensor) -> (
  gate: Tensor, up: Tensor
) {
  let count = gate.count
  var gateGradient = Tensor(uninitialized: gate.shape)
  var upGradient = Tensor(uninitialized: gate.shape)
  withPointers(writing(&gateGradient), writing(&upGradient), gradient, gate, up) {
    gateGradient, upGradient, gradient, gate, up in
    WorkerPool.shared.parallelRanges(count, minimum: grain) {
      let start = $0.lowerBound
      vk_silu_multiply_backward(
        gate + start, up + start, gradient + start, gateGradient + start,
        upGradient + start, $0.count)
    }
  }
  return (gateGradient, upGradient)
}

/// `left ⊙ right`, equal shapes.
public func product(_ left: Tensor, _ right: Tensor) -> Tensor {
  precondition(left.count == right.count, "cannot multiply \(left.shape) by \(right.shape)")
  let count = left.count
  var result = Tensor(uninitialized: left.shape)
  withPointers(writing(&result), left, right) { result, left, right in
    WorkerPool.shared.parallelRanges(count, minimum: grain) {
      vk_multiply(
        left + $0.lowerBound, right + $0.lowerBound, result + $0.lowerBound, $0.count)
    }
  }
  return result
}

/// Elements that are 0 with the given probability, else `1 / (1 − probability)`.
public func dropoutMask(_ shape: Shape, probability: Float, generator: SeededGenerator) -> Tensor {
  precondition((0..<1).contains(probability), "dropout probability \(probability)")
  var generator = generator
  var mask = Tensor(uninitialized: shape)
  mask.withMutablePointer {
    for index in 0..<shape.count {
      $0[index] = generator.uniform() < Double(probability) ? 0 : 1 / (1 - probability)
    }
  }
  return mask
}
