import CVectorKernels
import TensorCore

/// Layer normalisation of every row: `y = (x − mean) r w + b`, `r = 1/sqrt(variance + epsilon)`
/// (Ba et al. 2016, arXiv 1607.06450).
///
/// - Parameters:
///   - x: `[rows, width]`.
///   - weight: `[width]`.
///   - bias: as `weight`.
/// - Returns: the output, and `[rows, 2]` of (mean, r) for the backward pass.
public func layerNorm(_ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Float) -> (
  output: Tensor, statistics: Tensor
) {
  let width = weight.count
  let rows = x.count / width
  var output = Tensor(uninitialized: x.shape)
  var statistics = Tensor(uninitialized: [rows, 2])
  withPointers(writing(&output), writing(&statistics), x, weight, bias) {
    output, statistics, x, weight, bias in
    WorkerPool.shared.parallelRanges(rows, minimum: 32) { range in
      for row in range {
        let input = x + row * width
        let out = output + row * width
        let mean = vk_sum(input, width) / Float(width)
        for column in 0..<width { out[column] = input[column] - mean }
        let variance = vk_dot(out, out, width) / Float(width)
        let r = 1 / (variance + epsilon).squareRoot()
        for column in 0..<width {
          out[column] = out[column] * r * weight[column] + bias[column]
        }
        statistics[2 * row] = mean
        statistics[2 * row + 1] = r
      }
    }
  }
  return (output, statistics)
}

/// Gradients of `layerNorm`. With `n = (x − mean) r` and `g = dy ⊙ w`:
/// `dx = r (g − mean(g) − n mean(g ⊙ n))`, `dw = Σ dy ⊙ n`, `db = Σ dy`.
public func layerNormGradients(
  _ gradient: Tensor, x: Tensor, weight: Tensor, statistics: Tensor, parameterGradients: Bool
) -> (input: Tensor, weight: Tensor?, bias: Tensor?) {
  let width = weight.count
  let rows = x.count / width
  var inputGradient = Tensor(uninitialized: x.shape)
  withPointers(writing(&inputGradient), gradient, x, weight, statistics) {
    inputGradient, gradient, x, weight, statistics in
    WorkerPool.shared.parallelRanges(rows, minimum: 32) { range in
      for row in range {
        let (mean, r) = (statistics[2 * row], statistics[2 * row + 1])
        let input = x + row * width
        let out = inputGradient + row * width
        vk_multiply(gradient + row * width, weight, out, width)
        let meanGradient = vk_sum(out, width) / Float(width)
        var projection: Float = 0
        for column in 0..<width { projection += out[column] * (input[column] - mean) }
        projection *= r / Float(width)
        for column in 0..<width {
          out[column] =
            r * (out[column] - meanGradient - (input[column] - mean) * r * projection)
        }
      }
    }
  }
  guard parameterGradients else { return (inputGradient, nil, nil) }
  var weightGradient = Tensor(zeros: weight.shape)
  var biasGradient = Tensor(zeros: weight.shape)
  withPointers(writing(&weightGradient), writing(&biasGradient), gradient, x, statistics) {
    weightGradient, biasGradient, gradient, x, statistics in
    for row in 0..<rows {
      let (mean, r) = (statistics[2 * row], statistics[2 * row + 1])
      for column in 0..<width {
        let position = row * width + column
        weightGradient[column] += gradient[position] * (x[position] - mean) * r
        biasGradient[column] += gradient[position]
      }
    }
  }
  return (inputGradient, weightGradient, biasGradient)
}
