import CVectorKernels
import TensorCore

/// `x ⊙ factors (+ bias)`, every row alike.
///
/// - Parameters:
///   - x: `[rows, width]`.
///   - factors: `[width]`.
///   - bias: as `factors`.
public func scaledChannels(_ x: Tensor, by factors: Tensor, plus bias: Tensor? = nil) -> Tensor {
  let width = factors.count
  precondition(
    x.shape[-1] == width && (bias == nil || bias!.count == width),
    "\(x.shape) by \(factors.shape), bias \(bias?.shape.description ?? "none")")
  let rows = x.count / width
  var result = Tensor(uninitialized: x.shape)
  withPointers(writing(&result), x, factors) { result, x, factors in
    WorkerPool.shared.parallelRanges(rows, minimum: 32) { range in
      for row in range { vk_multiply(x + row * width, factors, result + row * width, width) }
    }
  }
  if let bias { addBias(bias, to: &result) }
  return result
}

/// Gradient of `scaledChannels` for its factors, shaped as they are.
public func scaledChannelsFactorGradient(_ gradient: Tensor, x: Tensor, factors: Tensor) -> Tensor {
  columnSums(product(gradient, x), width: factors.count).reshaped(factors.shape)
}
