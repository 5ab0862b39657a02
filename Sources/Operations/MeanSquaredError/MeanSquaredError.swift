import CVectorKernels
import TensorCore

/// `mean((prediction − target)²)` over every element of the layout's rows (padding left out), and
/// its gradient for the prediction times `weight`.
///
/// - Parameters:
///   - prediction: `[tokens, width]`.
///   - target: as `prediction`.
public func meanSquaredError(
  _ prediction: Tensor, _ target: Tensor, layout: SequenceLayout, weight: Float
) -> (value: Double, gradient: Tensor) {
  precondition(prediction.shape == target.shape, "\(prediction.shape) against \(target.shape)")
  let width = prediction.shape[1]
  let blocks = layout.blocks()
  let elements = layout.segments.reduce(0) { $0 + $1.count } * width
  var gradient = Tensor(uninitialized: prediction.shape)
  let factor = 2 * weight / Float(max(1, elements))
  let partial = withPointers(writing(&gradient), prediction, target) {
    gradient, prediction, target in
    zeroPadding(layout, gradient, width: width)
    return WorkerPool.shared.parallelMap(blocks.count) { block in
      let offset = blocks[block].lowerBound * width
      let count = blocks[block].count * width
      vk_scale(prediction + offset, gradient + offset, factor, count)
      vk_add_scaled(gradient + offset, target + offset, -factor, count)
      return vk_squared_distance(prediction + offset, target + offset, count)
    }
  }
  let total = partial.reduce(0) { $0 + Double($1) }
  return (total / Double(max(1, elements)), gradient)
}
