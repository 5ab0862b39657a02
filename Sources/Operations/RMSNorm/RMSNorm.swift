import CVectorKernels
import TensorCore

/// Root-mean-square normalisation of every row: `y = x r w`, `r = 1/sqrt(mean(x²) + epsilon)`
/// (Zhang & Sennrich 2019, arXiv 1910.07467).
///
/// - Parameters:
///   - x: `[rows, width]`; wider tensors are read as rows of the weight's length.
///   - weight: `[width]`.
/// - Returns: the output, shaped as `x`, and `r` of every row for the backward pass.
public func rmsNorm(_ x: Tensor, weight: Tensor, epsilon: Float) -> (
  output: Tensor, reciprocals: Tensor
) {
  let width = weight.count
  let rows = x.count / width
  var output = Tensor(uninitialized: x.shape)
  var reciprocals = Tensor(uninitialized: [rows])
  withPointers(writing(&output), writing(&reciprocals), x, weight) {
    output, reciprocals, x, weight in
    WorkerPool.shared.parallelRanges(rows, minimum: 32) { range in
      for row in range {
        reciprocals[row] = vk_rms_norm(
          x + row * width, weight, output + row * width, width, epsilon)
      }
    }
  }
  return (output, reciprocals)
}

/// Gradients of `rmsNorm`. With `g = dy ⊙ w`: `dx = r g − x r³ (g·x)/width`, `dw = Σ dy ⊙ x r`.
public func rmsNormGradients(
  _ gradient: Tensor, x: Tensor, weight: Tensor, reciprocals: Tensor, weightGradient: Bool
) -> (input: Tensor, weight: Tensor?) {
  let width = weight.count
  let rows = x.count / width
  var inputGradient = Tensor(uninitialized: x.shape)
  withPointers(writing(&inputGradient), gradient, x, weight, reciprocals) {
    inputGradient, gradient, x, weight, reciprocals in
    WorkerPool.shared.parallelRanges(rows, minimum: 32) { range in
      for row in range {
        let r = reciprocals[row]
        let out = inputGradient + row * width
        vk_multiply(gradient + row * width, weight, out, width)
        let projection = vk_dot(out, x + row * width, width)
        vk_scale(out, out, r, width)
        vk_add_scaled(
          out, x + row * width, -r * r * r * projection / Float(width), width)
      }
    }
  }
  guard weightGradient else { return (inputGradient, nil) }
  var total = Tensor(zeros: weight.shape)
  var product = Tensor(uninitialized: weight.shape)
  withPointers(writing(&total), writing(&product), gradient, x, reciprocals) {
    total, product, gradient, x, reciprocals in
    for row in 0..<rows {
      vk_multiply(gradient + row * width, x + row * width, product, width)
      vk_add_scaled(total, product, reciprocals[row], width)
    }
  }
  return (inputGradient, total)
}
