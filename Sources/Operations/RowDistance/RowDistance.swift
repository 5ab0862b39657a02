import CVectorKernels
import TensorCore

/// `width^(-1/2) mean_t ‖prediction_t − target_t‖₂` over the layout's rows (padding left out), and
/// its gradient for the prediction times `weight`: the norm of a row, not its square, as RADLADS
/// aligns attention outputs (arXiv 2505.03005, step 1). Where a row is met exactly its gradient
/// is 0, the middle of those that there are.
///
/// - Parameters:
///   - prediction: `[tokens, width]`.
///   - target: as `prediction`.
public func rowDistance(
  _ prediction: Tensor, _ target: Tensor, layout: SequenceLayout, weight: Float
) -> (value: Double, gradient: Tensor) {
  precondition(prediction.shape == target.shape, "\(prediction.shape) against \(target.shape)")
  let width = prediction.shape[1]
  let blocks = layout.blocks()
  let rows = layout.segments.reduce(0) { $0 + $1.count }
  let scale = 1 / (Double(max(1, rows)) * Double(width).squareRoot())
  var gradient = Tensor(uninitialized: prediction.shape)
  let partial = withPointers(writing(&gradient), prediction, target) {
    gradient, prediction, target in
    zeroPadding(layout, gradient, width: width)
    return WorkerPool.shared.parallelMap(blocks.count) { block in
      var sum = 0.0
      for row in blocks[block] {
        let offset = row * width
        let norm = vk_squared_distance(prediction + offset, target + offset, width).squareRoot()
        sum += Double(norm)
        let factor = norm > 0 ? weight * Float(scale) / norm : 0
        // The difference first: scaled apart, rows that nearly meet would lose its digits.
        for index in offset..<offset + width {
          gradient[index] = factor * (prediction[index] - target[index])
        }
      }
      return sum
    }
  }
  return (partial.reduce(0, +) * scale, gradient)
}
