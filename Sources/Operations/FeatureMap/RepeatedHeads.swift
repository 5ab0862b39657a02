import TensorCore

/// Rows of the key-value heads, once for every query head that shares them:
/// `[tokens, keyValueHeads * headDim] -> [tokens, queryHeads * headDim]`.
public func repeatedOverGroups(_ x: Tensor, _ shape: AttentionShape) -> Tensor {
  if shape.group == 1 { return x }
  let tokens = x.shape[0]
  let width = shape.headDim
  precondition(x.shape == [tokens, shape.keyWidth], "\(x.shape) for \(shape)")
  var result = Tensor(uninitialized: [tokens, shape.queryWidth])
  withPointers(writing(&result), x) { result, x in
    WorkerPool.shared.parallelRanges(tokens, minimum: 32) { range in
      for token in range {
        for head in 0..<shape.queryHeads {
          (result + token * shape.queryWidth + head * width).update(
            from: x + token * shape.keyWidth + head / shape.group * width, count: width)
        }
      }
    }
  }
  return result
}

/// Gradient of `repeatedOverGroups`: sums over each group.
public func repeatedOverGroupsGradient(_ gradient: Tensor, _ shape: AttentionShape) -> Tensor {
  summedOverGroups(gradient, shape)
}
