import CVectorKernels
import TensorCore

/// Added to denominators, so that a branch without keys says 0. A softmax's is at least 1, where it
/// is rounded away.
private let epsilon: Float = 1e-12

/// The output of a branch by itself, `N / (D + 1e-12)`.
///
/// - Parameters:
///   - numerators: `[tokens, heads * valueDim]`.
///   - denominators: `[tokens, heads]`.
/// - Returns: `[tokens, heads * valueDim]`.
public func branchQuotient(numerators: Tensor, denominators: Tensor) -> Tensor {
  let (slots, d) = (denominators.count, valueDim(numerators, denominators))
  var output = Tensor(uninitialized: numerators.shape)
  withPointers(writing(&output), numerators, denominators) { output, numerators, denominators in
    WorkerPool.shared.parallelRanges(slots, minimum: 256) { range in
      for slot in range {
        vk_scale(numerators + slot * d, output + slot * d, 1 / (denominators[slot] + epsilon), d)
      }
    }
  }
  return output
}

/// Gradients of `branchQuotient`: `dN = dy / D`, `dD = −(dy·y) / D`.
public func branchQuotientGradients(_ gradient: Tensor, output: Tensor, denominators: Tensor) -> (
  numerators: Tensor, denominators: Tensor
) {
  let (slots, d) = (denominators.count, valueDim(output, denominators))
  precondition(gradient.shape == output.shape, "\(gradient.shape) for \(output.shape)")
  var numeratorGradient = Tensor(uninitialized: output.shape)
  var denominatorGradient = Tensor(uninitialized: denominators.shape)
  withPointers(
    writing(&numeratorGradient), writing(&denominatorGradient), gradient, output, denominators
  ) { dN, dD, dY, y, denominators in
    WorkerPool.shared.parallelRanges(slots, minimum: 256) { range in
      for slot in range {
        let line = dN + slot * d
        vk_scale(dY + slot * d, line, 1 / (denominators[slot] + epsilon), d)
        dD[slot] = -vk_dot(line, y + slot * d, d)
      }
    }
  }
  return (numeratorGradient, denominatorGradient)
}

/// Columns of one head.
private func valueDim(_ x: Tensor, _ perHead: Tensor) -> Int {
  precondition(
    perHead.count > 0 ? x.count % perHead.count == 0 : x.count == 0,
    "\(x.shape) for one number a head of \(perHead.shape)")
  return perHead.count > 0 ? x.count / perHead.count : 0
}

extension Naive {
  /// `branchQuotient` of rows of `valueDim` columns, one a denominator.
  public static func branchQuotient<T: FloatingPoint>(numerators: [T], denominators: [T]) -> [T] {
    let d = numerators.count / denominators.count
    return numerators.indices.map { numerators[$0] / denominators[$0 / d] }
  }
}
