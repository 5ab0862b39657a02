import TensorCore

/// The row of `delay` tokens before, within every segment: what a memory is fed that reads only
/// keys which have left a window of `delay` tokens.
///
/// - Parameters:
///   - x: `[tokens, width]`.
///   - delay: tokens; at least 1.
///   - skipped: first tokens of a sequence that are left out, as if they were zeros: the sinks.
///   - before: the `delay` rows before the first of the one segment, `[delay, width]`, for a
///     sequence that is fed in pieces; those before the sequence's start are zeros.
///   - position: tokens of the sequence before the segment's first.
/// - Returns: shaped as `x`; zeros on padding, and where no row lies so far back.
public func delayedRows(
  _ x: Tensor, by delay: Int, skipping skipped: Int, layout: SequenceLayout, before: Tensor? = nil,
  position: Int = 0
) -> Tensor {
  let width = x.shape[-1]
  precondition(delay > 0 && x.shape == [layout.rows, width], "\(x.shape) delayed by \(delay)")
  precondition(
    before == nil || (layout.segments.count <= 1 && before!.shape == [delay, width]),
    "\(before?.shape.description ?? "nothing") before \(layout.segments.count) segments")
  var result = Tensor(zeros: x.shape)
  let past = before ?? Tensor(zeros: [0])
  withPointers(writing(&result), x, past) { result, x, past in
    for segment in layout.segments {
      for row in 0..<segment.count where position + row - delay >= skipped {
        let target = result + (segment.start + row) * width
        if row >= delay {
          target.update(from: x + (segment.start + row - delay) * width, count: width)
        } else if before != nil {
          target.update(from: past + row * width, count: width)
        }
      }
    }
  }
  return result
}

/// Gradient of `delayedRows` for `x`, of whole sequences.
public func delayedRowsGradient(
  _ gradient: Tensor, by delay: Int, skipping skipped: Int, layout: SequenceLayout
) -> Tensor {
  let width = gradient.shape[-1]
  var result = Tensor(zeros: gradient.shape)
  withPointers(writing(&result), gradient) { result, gradient in
    for segment in layout.segments where segment.count - delay > skipped {
      (result + (segment.start + skipped) * width).update(
        from: gradient + (segment.start + skipped + delay) * width,
        count: (segment.count - delay - skipped) * width)
    }
  }
  return result
}

/// The last `count` rows of `before` followed by `x`: what `delayedRows` is to be given next.
///
/// - Parameters:
///   - before: `[count, width]`.
///   - x: `[tokens, width]`.
public func lastRows(_ before: Tensor, then x: Tensor) -> Tensor {
  let (count, width) = (before.shape[0], before.shape[1])
  precondition(x.shape[-1] == width, "\(x.shape) after \(before.shape)")
  let tokens = x.shape[0]
  let new = min(count, tokens)
  var result = Tensor(uninitialized: before.shape)
  withPointers(writing(&result), before, x) { result, before, x in
    result.update(from: before + new * width, count: (count - new) * width)
    (result + (count - new) * width).update(
      from: x + (tokens - new) * width, count: new * width)
  }
  return result
}

extension Naive {
  /// `x` is one segment, `[tokens, width]`.
  public static func delayedRows<T: Numeric>(
    _ x: [T], by delay: Int, skipping skipped: Int, width: Int
  ) -> [T] {
    x.indices.map { $0 / width - delay >= skipped ? x[$0 - delay * width] : 0 }
  }
}
