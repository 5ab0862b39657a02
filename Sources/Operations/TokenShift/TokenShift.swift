import TensorCore

/// `x_{t−1} − x_t`, what RWKV's token shift adds a share of (RWKV-6, arXiv 2404.05892, section
/// 3.1); zero on padding.
///
/// - Parameters:
///   - x: `[tokens, width]`.
///   - before: `[segments, width]`, the token before the first one of every segment, for a sequence
///     that is fed in pieces; zeros where nil.
public func tokenShiftDifference(_ x: Tensor, layout: SequenceLayout, before: Tensor? = nil)
  -> Tensor
{
  let width = x.shape[-1]
  precondition(
    x.shape == [layout.rows, width]
      && (before == nil || before!.shape == [layout.segments.count, width]),
    "\(x.shape) of \(layout.rows) rows, before them \(before?.shape.description ?? "nothing")")
  let first = before ?? Tensor(zeros: [layout.segments.count, width])
  var result = Tensor(uninitialized: x.shape)
  withPointers(writing(&result), x, first) { result, x, first in
    zeroPadding(layout, result, width: width)
    for (index, segment) in layout.segments.enumerated() {
      WorkerPool.shared.parallelRanges(segment.count, minimum: 32) { range in
        for row in range {
          let current = x + (segment.start + row) * width
          let previous = row == 0 ? first + index * width : current - width
          let line = result + (segment.start + row) * width
          for column in 0..<width { line[column] = previous[column] - current[column] }
        }
      }
    }
  }
  return result
}

/// Gradient of `tokenShiftDifference` for `x`: `dx_t = dy_{t+1} − dy_t` within every segment.
public func tokenShiftDifferenceGradient(_ gradient: Tensor, layout: SequenceLayout) -> Tensor {
  let width = gradient.shape[-1]
  var result = Tensor(uninitialized: gradient.shape)
  withPointers(writing(&result), gradient) { result, gradient in
    zeroPadding(layout, result, width: width)
    for segment in layout.segments {
      WorkerPool.shared.parallelRanges(segment.count, minimum: 32) { range in
        for row in range {
          let current = gradient + (segment.start + row) * width
          let line = result + (segment.start + row) * width
          let isLast = row + 1 == segment.count
          subtract(current, from: isLast ? nil : current + width, into: line, width)
        }
      }
    }
  }
  return result
}

/// `from − x`, or `−x` where there is nothing to subtract from.
private func subtract(
  _ x: UnsafePointer<Float>, from: UnsafePointer<Float>?, into line: UnsafeMutablePointer<Float>,
  _ width: Int
) {
  if let from {
    for column in 0..<width { line[column] = from[column] - x[column] }
  } else {
    for column in 0..<width { line[column] = -x[column] }
  }
}

extension Naive {
  /// `x` is one segment, `[tokens, width]`.
  public static func tokenShiftDifference<T: SignedNumeric>(_ x: [T], width: Int) -> [T] {
    x.indices.map { ($0 < width ? 0 : x[$0 - width]) - x[$0] }
  }
}
