import CVectorKernels
import TensorCore

/// Heads of a feature map: query head `h` projects head `h / group` of its input with its own
/// matrix, so that keys shared by a group still have one map a query head.
public struct FeatureProjectionShape: Sendable, Equatable {
  /// Maps of the layer: one a query head.
  public let queryHeads: Int
  /// Heads of the input: the query heads, or the key heads.
  public let inputHeads: Int
  /// Coordinates of a head of the input.
  public let headDim: Int
  /// Width of the projection, `f`.
  public let projectionDim: Int
  /// `u = x W + b + x`; needs `projectionDim == headDim`.
  public let skipConnection: Bool

  /// The projections of a layer's queries or keys.
  public init(
    queryHeads: Int, inputHeads: Int, headDim: Int, projectionDim: Int, skipConnection: Bool = false
  ) {
    precondition(queryHeads % inputHeads == 0)
    precondition(!skipConnection || projectionDim == headDim)
    self.queryHeads = queryHeads
    self.inputHeads = inputHeads
    self.headDim = headDim
    self.projectionDim = projectionDim
    self.skipConnection = skipConnection
  }

  var group: Int { queryHeads / inputHeads }
  var inputWidth: Int { inputHeads * headDim }
  var outputWidth: Int { queryHeads * projectionDim }
}

/// The learned part of a feature map, per head: `u = x W + b (+ x)`.
///
/// - Parameters:
///   - x: `[tokens, inputHeads * headDim]`.
///   - weight: `[queryHeads, headDim, projectionDim]`.
///   - bias: `[queryHeads, 1]` (one scalar a head, as LoLCATs) or `[queryHeads, projectionDim]`.
/// - Returns: `[tokens, queryHeads * projectionDim]`.
public func featureProjection(
  _ x: Tensor, weight: Tensor, bias: Tensor?, shape: FeatureProjectionShape
) -> Tensor {
  let (d, f) = (shape.headDim, shape.projectionDim)
  let tokens = x.shape[0]
  precondition(x.shape == [tokens, shape.inputWidth], "\(x.shape) for \(shape)")
  precondition(weight.shape == [shape.queryHeads, d, f], "\(weight.shape) for \(shape)")
  let biasWidth = bias.map { $0.count / shape.queryHeads } ?? 0
  var u = Tensor(uninitialized: [tokens, shape.outputWidth])
  withPointers(writing(&u), x, weight, bias) { u, x, weight, bias in
    WorkerPool.shared.parallel(shape.queryHeads) { head in
      let input = x + head / shape.group * d
      BLAS.multiply(
        m: tokens, n: f, k: d, Matrix(input, stride: shape.inputWidth),
        Matrix(weight + head * d * f, stride: f), into: u + head * f, stride: shape.outputWidth)
      guard biasWidth > 0 || shape.skipConnection else { return }
      for token in 0..<tokens {
        let row = u + token * shape.outputWidth + head * f
        if biasWidth == 1 {
          for index in 0..<f { row[index] += bias![head] }
        } else if let bias {
          for index in 0..<f { row[index] += bias[head * biasWidth + index] }
        }
        if shape.skipConnection { vk_add_scaled(row, input + token * shape.inputWidth, 1, f) }
      }
    }
  }
  return u
}

/// Gradients of `featureProjection`: `dW = xᵀ du`, `db = Σ du`, `dx = du Wᵀ (+ du)`, the last
/// summed over the heads of a group.
public func featureProjectionGradients(
  _ gradient: Tensor, x: Tensor, weight: Tensor, bias: Tensor?, shape: FeatureProjectionShape,
  inputGradient needsInput: Bool, weightGradient needsWeight: Bool
) -> (input: Tensor?, weight: Tensor?, bias: Tensor?) {
  let (d, f) = (shape.headDim, shape.projectionDim)
  let tokens = x.shape[0]
  var weightGradient = needsWeight ? Tensor(uninitialized: weight.shape) : nil
  withPointers(writing(&weightGradient), x, gradient) { weightGradient, x, gradient in
    guard let weightGradient else { return }
    WorkerPool.shared.parallel(shape.queryHeads) { head in
      BLAS.multiply(
        m: d, n: f, k: tokens,
        Matrix(x + head / shape.group * d, stride: shape.inputWidth).transposed,
        Matrix(gradient + head * f, stride: shape.outputWidth),
        into: weightGradient + head * d * f, stride: f)
    }
  }
  var biasGradient: Tensor?
  if needsWeight, let bias {
    let sums = columnSums(gradient, width: shape.outputWidth)
    biasGradient = sums
    if bias.count == shape.queryHeads {
      var total = Tensor(uninitialized: bias.shape)
      withPointers(writing(&total), sums) { total, sums in
        for head in 0..<shape.queryHeads { total[head] = vk_sum(sums + head * f, f) }
      }
      biasGradient = total
    } else {
      biasGradient = sums.reshaped(bias.shape)
    }
  }
  guard needsInput else { return (nil, weightGradient, biasGradient) }
  var perHead = Tensor(uninitialized: [tokens, shape.queryHeads * d])
  withPointers(writing(&perHead), weight, gradient) { perHead, weight, gradient in
    WorkerPool.shared.parallel(shape.queryHeads) { head in
      let width = shape.queryHeads * d
      BLAS.multiply(
        m: tokens, n: d, k: f, Matrix(gradient + head * f, stride: shape.outputWidth),
        Matrix(weight + head * d * f, stride: f).transposed, into: perHead + head * d,
        stride: width)
      if shape.skipConnection {
        for token in 0..<tokens {
          vk_add_scaled(
            perHead + token * width + head * d,
            gradient + token * shape.outputWidth + head * f, 1, d)
        }
      }
    }
  }
  let attention = AttentionShape(
    queryHeads: shape.queryHeads, keyValueHeads: shape.inputHeads, headDim: d)
  return (summedOverGroups(perHead, attention), weightGradient, biasGradient)
}
