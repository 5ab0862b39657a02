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
  result.withMutablePointer { result in
    zeroPadding(layout, result, width: width)
    withPointers(x, first) { x, first in
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
  }
  return result
}

/// Gradient of `tokenShiftDifference` for `x`: `dx_t = dy_{t+1} − dy_t` within every segment.
public func tokenShiftDifferenceGradient(_ gradient: Tensor, layout: SequenceLayout) -> Tensor {
  let width = gradient.shape[-1]
  var result = Tensor(uninitialized: gradient.shape)
  result.withMutablePointer { result in
    zeroPadding(layout, result, width: width)
    gradient.withPointer { gradient in
      for segment in layout.segments {
        WorkerPool.shared.parallelRanges(segment.count, minimum: 32) { range in
          for row in range {
            let current = gradient + (segment.start + row) * width
            let line = result + (segment.start + row) * width
            if row + 1 == segment.count {
              for column in 0..<width { line[column] = -current[column] }
            } else {
              let next = current + width
              for column in 0..<width { line[column] = next[column] - current[column] }
            }
          }
        }
      }
    }
  }
  return result
}

extension Naive {
  /// `x` is one segment, `[tokens, width]`.
  public static func tokenShiftDifference<T: SignedNumeric>(_ x: [T], width: Int) -> [T] {
    x.indices.map { ($0 < width ? 0 : x[$0 - width]) - x[$0] }
  }
}
