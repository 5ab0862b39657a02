import CVectorKernels
import TensorCore

/// What RAD-RWKV7 adds to the length that it divides its keys by.
private let epsilon: Float = 1e-12

/// `x / (‖x‖₂ + 1e-12)`, every head of every token by itself, as RAD-RWKV7 has its removal keys
/// (arXiv 2505.03005).
///
/// - Parameter x: `[tokens, heads * headDim]`.
public func normalizedHeads(_ x: Tensor, headDim: Int) -> Tensor {
  precondition(x.shape[-1] % headDim == 0, "\(x.shape) in heads of \(headDim)")
  let heads = x.count / headDim
  var result = Tensor(uninitialized: x.shape)
  withPointers(writing(&result), x) { result, x in
    WorkerPool.shared.parallelRanges(heads, minimum: 128) { range in
      for head in range {
        let input = x + head * headDim
        let length = vk_dot(input, input, headDim).squareRoot()
        vk_scale(input, result + head * headDim, 1 / (length + epsilon), headDim)
      }
    }
  }
  return result
}

/// Gradient of `normalizedHeads`: with `n = ‖x‖₂` and `y` its output,
/// `dx = (dy − y (y·dy) (n + ε)/n) / (n + ε)`, and `dy / ε` where `x` is 0.
public func normalizedHeadsGradient(_ gradient: Tensor, x: Tensor, headDim: Int) -> Tensor {
  precondition(gradient.shape == x.shape, "\(gradient.shape) for \(x.shape)")
  var result = gradient
  let heads = x.count / headDim
  withPointers(writing(&result), x) { result, x in
    WorkerPool.shared.parallelRanges(heads, minimum: 128) { range in
      for head in range {
        let input = x + head * headDim
        let line = result + head * headDim
        let length = vk_dot(input, input, headDim).squareRoot()
        let reciprocal = 1 / (length + epsilon)
        if length > 0 {
          let product = vk_dot(input, line, headDim) * reciprocal
          vk_add_scaled(line, input, -product / length, headDim)
        }
        vk_scale(line, line, reciprocal, headDim)
      }
    }
  }
  return result
}
