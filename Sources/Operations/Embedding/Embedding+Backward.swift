import CVectorKernels
import TensorCore

/// Gradient of `embedding` for its table: every row is the sum of the gradients of the places that
/// show it, in their order.
///
/// - Parameters:
///   - gradient: `[ids.count, width]`.
///   - rows: of the table.
public func embeddingGradient(_ gradient: Tensor, ids: [Int32], rows: Int) -> Tensor {
  let width = gradient.shape[1]
  precondition(
    gradient.shape[0] == ids.count, "\(gradient.shape) for \(ids.count) rows of a table")
  var tableGradient = Tensor(zeros: [rows, width])
  withPointers(writing(&tableGradient), gradient) { tableGradient, gradient in
    for (position, id) in ids.enumerated() {
      vk_add_scaled(
        tableGradient + Int(id) * width, gradient + position * width, 1, width)
    }
  }
  return tableGradient
}

extension Naive {
  /// Gradient of `embedding` for its table, `[rows, width]`.
  public static func embeddingGradient<T: FloatingPoint>(
    _ gradient: [T], ids: [Int32], rows: Int
  ) -> [T] {
    let width = ids.isEmpty ? 0 : gradient.count / ids.count
    var result = [T](repeating: 0, count: rows * width)
    for (position, id) in ids.enumerated() {
      for column in 0..<width {
        result[Int(id) * width + column] += gradient[position * width + column]
      }
    }
    return result
  }
}
