import CVectorKernels
import TensorCore

/// `x` with every head times a number of its own: policies between two branches are made of it.
///
/// - Parameters:
///   - x: `[tokens, heads * width]`.
///   - factors: one a token and head, `[tokens, heads]`, or one a head, `heads` of them.
///   - heads: of a token.
public func scaledHeads(_ x: Tensor, by factors: Tensor, heads: Int) -> Tensor {
  let shape = HeadScaling(x, factors, heads)
  var result = Tensor(uninitialized: x.shape)
  withPointers(writing(&result), x, factors) { result, x, factors in
    WorkerPool.shared.parallelRanges(shape.slots, minimum: 256) { range in
      for slot in range {
        let offset = slot * shape.width
        vk_scale(x + offset, result + offset, factors[shape.factor(slot)], shape.width)
      }
    }
  }
  return result
}

/// Gradient of `scaledHeads` for its factors, shaped as they are. That for `x` is
/// `scaledHeads(gradient, …)`.
public func scaledHeadsFactorGradient(_ gradient: Tensor, x: Tensor, factors: Tensor, heads: Int)
  -> Tensor
{
  let shape = HeadScaling(x, factors, heads)
  precondition(gradient.shape == x.shape, "\(gradient.shape) for \(x.shape)")
  var products = Tensor(uninitialized: [shape.slots / heads, heads])
  withPointers(writing(&products), gradient, x) { products, gradient, x in
    WorkerPool.shared.parallelRanges(shape.slots, minimum: 256) { range in
      for slot in range {
        let offset = slot * shape.width
        products[slot] = vk_dot(gradient + offset, x + offset, shape.width)
      }
    }
  }
  return (shape.isPerHead ? columnSums(products, width: heads) : products).reshaped(factors.shape)
}

private struct HeadScaling {
  let heads: Int
  /// Heads of all tokens.
  let slots: Int
  let width: Int
  let isPerHead: Bool

  init(_ x: Tensor, _ factors: Tensor, _ heads: Int) {
    precondition(
      x.shape[-1] % heads == 0, "\(x.shape) in \(heads) heads")
    self.heads = heads
    width = x.shape[-1] / heads
    slots = width == 0 ? 0 : x.count / width
    isPerHead = factors.count == heads
    precondition(
      isPerHead || factors.count == slots, "factors \(factors.shape) for \(x.shape), \(heads) heads"
    )
  }

  func factor(_ slot: Int) -> Int { isPerHead ? slot % heads : slot }
}

extension Naive {
  /// `x` of any number of tokens; `factors` as in `scaledHeads`.
  public static func scaledHeads<T: Numeric>(_ x: [T], by factors: [T], heads: Int, width: Int)
    -> [T]
  {
    x.indices.map { x[$0] * factors[factors.count == heads ? $0 / width % heads : $0 / width] }
  }
}
