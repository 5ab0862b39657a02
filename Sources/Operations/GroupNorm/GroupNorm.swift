import CVectorKernels
import TensorCore

/// Group normalisation with one group a head (Wu & He 2018, arXiv 1803.08494), as RWKV has it
/// after its attention: every head of every token by itself, `y = (x − mean) r w + b` with
/// `r = 1/sqrt(variance + epsilon)`, mean and variance over the head's coordinates.
///
/// - Parameters:
///   - x: `[tokens, heads * headDim]`.
///   - weight: `[heads * headDim]`; 1 where nil.
///   - bias: `[heads * headDim]`; 0 where nil.
/// - Returns: the output, and `[tokens * heads, 2]` of (mean, r) for the backward pass.
public func groupNorm(
  _ x: Tensor, weight: Tensor?, bias: Tensor?, headDim: Int, epsilon: Float
) -> (output: Tensor, statistics: Tensor) {
  let width = checkedWidth(x, weight, bias, headDim: headDim)
  let groups = x.count / headDim
  var output = Tensor(uninitialized: x.shape)
  var statistics = Tensor(uninitialized: [groups, 2])
  withPointers(writing(&output), writing(&statistics), x) { output, statistics, x in
    WorkerPool.shared.parallelRanges(groups, minimum: 128) { range in
      for group in range {
        let input = x + group * headDim
        let line = output + group * headDim
        let mean = vk_sum(input, headDim) / Float(headDim)
        for index in 0..<headDim { line[index] = input[index] - mean }
        let r = 1 / (vk_dot(line, line, headDim) / Float(headDim) + epsilon).squareRoot()
        vk_scale(line, line, r, headDim)
        statistics[2 * group] = mean
        statistics[2 * group + 1] = r
      }
    }
  }
  if let weight { output = scaledChannels(output, by: weight, plus: bias) }
  if weight == nil, let bias { addBias(bias.reshaped([width]), to: &output) }
  return (output, statistics)
}

/// Gradients of `groupNorm`. With `n = (x − mean) r` and `g = dy ⊙ w`, per head:
/// `dx = r (g − mean(g) − n mean(g ⊙ n))`, and `dw = Σ dy ⊙ n`, `db = Σ dy` over the tokens.
///
/// - Parameter parameterGradients: whether those of weight and bias are wanted.
public func groupNormGradients(
  _ gradient: Tensor, x: Tensor, weight: Tensor?, statistics: Tensor, headDim: Int,
  parameterGradients: Bool
) -> (input: Tensor, weight: Tensor?, bias: Tensor?) {
  let width = checkedWidth(x, weight, nil, headDim: headDim)
  let groups = x.count / headDim
  var normalized = Tensor(uninitialized: x.shape)
  var inputGradient = weight.map { scaledChannels(gradient, by: $0) } ?? gradient
  withPointers(writing(&normalized), writing(&inputGradient), x, statistics) {
    normalized, inputGradient, x, statistics in
    WorkerPool.shared.parallelRanges(groups, minimum: 128) { range in
      for group in range {
        let (mean, r) = (statistics[2 * group], statistics[2 * group + 1])
        let offset = group * headDim
        let line = normalized + offset
        let out = inputGradient + offset
        for index in 0..<headDim { line[index] = (x[offset + index] - mean) * r }
        let meanGradient = vk_sum(out, headDim) / Float(headDim)
        let projection = vk_dot(out, line, headDim) / Float(headDim)
        for index in 0..<headDim {
          out[index] = r * (out[index] - meanGradient - line[index] * projection)
        }
      }
    }
  }
  guard parameterGradients else { return (inputGradient, nil, nil) }
  return (
    inputGradient, columnSums(product(gradient, normalized), width: width),
    columnSums(gradient, width: width)
  )
}

/// - Returns: `heads * headDim`.
private func checkedWidth(_ x: Tensor, _ weight: Tensor?, _ bias: Tensor?, headDim: Int) -> Int {
  let width = x.shape[-1]
  precondition(
    width % headDim == 0 && [weight, bias].allSatisfy { $0 == nil || $0!.count == width },
    "\(x.shape) in heads of \(headDim), weight \(weight?.shape.description ?? "none"), "
      + "bias \(bias?.shape.description ?? "none")")
  return width
}
