import TensorCore

/// One of several products that share their left side: `x[:, group] · matrices[group]`, as RWKV-6
/// mixes five inputs out of one projection (arXiv 2404.05892, section 3.1).
///
/// - Parameters:
///   - x: `[tokens, groups * inner]`.
///   - matrices: `[groups, inner, outputs]`.
/// - Returns: `[tokens, outputs]`.
public func groupProduct(_ x: Tensor, _ matrices: Tensor, group: Int) -> Tensor {
  let shape = GroupShape(x, matrices, group)
  var result = Tensor(uninitialized: [shape.tokens, shape.outputs])
  withPointers(writing(&result), x, matrices) { result, x, matrices in
    WorkerPool.shared.parallelRanges(shape.tokens, minimum: 64) { rows in
      BLAS.multiply(
        m: rows.count, n: shape.outputs, k: shape.inner,
        Matrix(x + rows.lowerBound * shape.width + group * shape.inner, stride: shape.width),
        Matrix(matrices + group * shape.matrix, stride: shape.outputs),
        into: result + rows.lowerBound * shape.outputs, stride: shape.outputs)
    }
  }
  return result
}

/// Gradients of `groupProduct`, zero for the other groups.
public func groupProductGradients(
  _ gradient: Tensor, x: Tensor, matrices: Tensor, group: Int
) -> (x: Tensor, matrices: Tensor) {
  let shape = GroupShape(x, matrices, group)
  var (inputs, weights) = (Tensor(zeros: x.shape), Tensor(zeros: matrices.shape))
  withPointers(writing(&inputs), writing(&weights), x, matrices, gradient) {
    inputs, weights, x, matrices, gradient in
    let offset = group * shape.inner
    let dy = Matrix(gradient, stride: shape.outputs)
    BLAS.multiply(
      m: shape.tokens, n: shape.inner, k: shape.outputs, dy,
      Matrix(matrices + group * shape.matrix, stride: shape.outputs, transposed: true),
      into: inputs + offset, stride: shape.width)
    BLAS.multiply(
      m: shape.inner, n: shape.outputs, k: shape.tokens,
      Matrix(x + offset, stride: shape.width, transposed: true), dy,
      into: weights + group * shape.matrix, stride: shape.outputs)
  }
  return (inputs, weights)
}

private struct GroupShape {
  let tokens, width, inner, outputs: Int
  var matrix: Int { inner * outputs }

  init(_ x: Tensor, _ matrices: Tensor, _ group: Int) {
    precondition(
      matrices.shape.rank == 3 && (0..<matrices.shape[0]).contains(group)
        && x.shape == [x.shape[0], matrices.shape[0] * matrices.shape[1]],
      "group \(group) of \(x.shape) by \(matrices.shape)")
    (tokens, width) = (x.shape[0], x.shape[1])
    (inner, outputs) = (matrices.shape[1], matrices.shape[2])
  }
}
