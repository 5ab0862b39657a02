import CVectorKernels
import TensorCore

/// A causal convolution of every channel by itself over the last few tokens, as gated delta nets have
/// it before their state (arXiv 2412.06464, section 3.3):
///
///     y_t = Σ_j w_j ⊙ x_{t − taps + 1 + j}
///
/// so that the last tap is the token's own. What lies before a segment is zeros.
///
/// - Parameters:
///   - x: `[tokens, width]`.
///   - weight: `[width, 1, taps]`, as `torch.nn.Conv1d` has it with one channel a group.
///   - before: the `taps − 1` rows before the first of the one segment, `[taps − 1, width]`, for a
///     sequence that is fed in pieces; zeros where nil.
/// - Returns: shaped as `x`; zeros on padding.
public func shortConvolution(
  _ x: Tensor, weight: Tensor, layout: SequenceLayout, before: Tensor? = nil
) -> Tensor {
  let shape = ConvolutionShape(x, weight, layout)
  precondition(
    before == nil
      || (layout.segments.count <= 1 && before!.shape == [shape.taps - 1, shape.width]),
    "\(before?.shape.description ?? "nothing") before \(layout.segments.count) segments")
  let taps = shape.rows(of: weight)
  let past = before ?? Tensor(zeros: [shape.taps - 1, shape.width])
  let width = shape.width
  var result = Tensor(zeros: x.shape)
  withPointers(writing(&result), x, taps, past) { result, x, taps, past in
    for segment in layout.segments {
      WorkerPool.shared.parallelRanges(segment.count, minimum: 32) { range in
        for row in range {
          shape.add(
            to: result + (segment.start + row) * width, row, taps: taps,
            rows: x + segment.start * width, before: past)
        }
      }
    }
  }
  return result
}

/// Gradients of `shortConvolution` of whole sequences, shaped as its operands are, that of `x` zero on
/// padding.
///
/// - Parameter weightGradient: whether that of the weight is wanted.
public func shortConvolutionGradients(
  _ gradient: Tensor, x: Tensor, weight: Tensor, layout: SequenceLayout, weightGradient: Bool
) -> (input: Tensor, weight: Tensor?) {
  let shape = ConvolutionShape(x, weight, layout)
  precondition(gradient.shape == x.shape, "\(gradient.shape) for \(x.shape)")
  let (width, history) = (shape.width, shape.taps - 1)
  let taps = shape.rows(of: weight)
  var input = Tensor(zeros: x.shape)
  withPointers(writing(&input), gradient, taps) { input, gradient, taps in
    for segment in layout.segments {
      WorkerPool.shared.parallelRanges(segment.count, minimum: 32) { range in
        for row in range {
          shape.addGradient(
            to: input + (segment.start + row) * width, row, of: segment.count, taps: taps,
            rows: gradient + segment.start * width)
        }
      }
    }
  }
  guard weightGradient else { return (input, nil) }
  var sums = Tensor(zeros: [shape.taps, width])
  withPointers(writing(&sums), gradient, x) { sums, gradient, x in
    // Each tap's sum in the order of the tokens, whatever the number of threads.
    WorkerPool.shared.parallel(shape.taps) { tap in
      for segment in layout.segments {
        for row in 0..<max(0, segment.count - history + tap) {
          vk_multiply_add(
            gradient + (segment.start + row + history - tap) * width,
            x + (segment.start + row) * width, sums + tap * width, width)
        }
      }
    }
  }
  return (input, transposed(sums).reshaped(weight.shape))
}

private struct ConvolutionShape {
  let taps, width: Int

  init(_ x: Tensor, _ weight: Tensor, _ layout: SequenceLayout) {
    width = x.shape[-1]
    taps = weight.shape[-1]
    precondition(
      x.shape == [layout.rows, width] && weight.shape == [width, 1, taps],
      "\(x.shape) of \(layout.rows) rows, taps \(weight.shape)")
  }

  /// `[taps, width]`, one tap of all channels after another.
  func rows(of weight: Tensor) -> Tensor { transposed(weight.reshaped([width, taps])) }

  /// One output.
  ///
  /// - Parameters:
  ///   - rows: of the segment.
  ///   - before: the `taps − 1` rows before them.
  func add(
    to line: UnsafeMutablePointer<Float>, _ row: Int, taps weights: UnsafePointer<Float>,
    rows: UnsafePointer<Float>, before: UnsafePointer<Float>
  ) {
    for tap in 0..<taps {
      let source = row + tap - (taps - 1)
      let input = source < 0 ? before + (source + taps - 1) * width : rows + source * width
      vk_multiply_add(weights + tap * width, input, line, width)
    }
  }

  /// The gradient of one input.
  ///
  /// - Parameter rows: gradients of the segment's outputs.
  func addGradient(
    to line: UnsafeMutablePointer<Float>, _ row: Int, of count: Int,
    taps weights: UnsafePointer<Float>, rows: UnsafePointer<Float>
  ) {
    for tap in 0..<taps where row + taps - 1 - tap < count {
      vk_multiply_add(weights + tap * width, rows + (row + taps - 1 - tap) * width, line, width)
    }
  }
}

extension Naive {
  /// `x` is one segment, `[tokens, width]`; `weight` is `[width, taps]`.
  public static func shortConvolution<T: Numeric>(_ x: [T], weight: [T], width: Int) -> [T] {
    let taps = weight.count / width
    return x.indices.map { index in
      (0..<taps).reduce(T.zero) { sum, tap in
        let source = index - (taps - 1 - tap) * width
        return source < 0 ? sum : sum + weight[index % width * taps + tap] * x[source]
      }
    }
  }
}
