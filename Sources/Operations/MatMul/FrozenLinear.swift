import TensorCore

/// Rows of weights widened at a time: what a worker multiplies with before it leaves the cache.
private let forwardBlockRows = 512
/// Weights of one pass of the backward product, in elements: bounds its scratch to 16 MiB.
private let backwardBlockElements = 4 << 20

/// `x Wᵀ` with weights in their stored type: `[tokens, inputs] x [outputs, inputs]`. Rows of the
/// weights are widened to floats block by block, each by the worker that multiplies with it; for
/// one token they are multiplied with as they are stored.
///
/// - Parameter rowsApart: every row of the result has the bits that it has alone: for tokens of several
///   sequences that are decoded together. Slower than the other way from some twenty rows on.
public func frozenLinear(_ x: Tensor, _ weight: StoredTensor, rowsApart: Bool = false) -> Tensor {
  let inputs = weight.shape[1]
  let outputs = weight.shape[0]
  let tokens = x.count / inputs
  precondition(x.shape[-1] == inputs, "\(x.shape) cannot enter weights of \(weight.shape)")
  var y = Tensor(uninitialized: [tokens, outputs])
  let pool = WorkerPool.shared
  // A multiple of the workers, so that all finish together.
  let waves = max(
    1, (outputs + forwardBlockRows * pool.workers - 1) / (forwardBlockRows * pool.workers))
  let blocks = min(outputs, waves * pool.workers)
  withPointers(writing(&y), x) { y, x in
    if tokens > 1, !rowsApart, TileProduct.pays(n: outputs, k: inputs) {
      if weight.isFactored {
        factoredLinear(x, tokens: tokens, weight, into: y)
      } else {
        TileProduct(
          m: tokens, n: outputs, k: inputs, left: Matrix(x, stride: inputs),
          right: .stored(weight, transposed: true)
        ).write(to: y, stride: outputs)
      }
      return
    }
    pool.parallel(blocks) { block in
      let rows = outputs * block / blocks..<outputs * (block + 1) / blocks
      if tokens == 1 {
        weight.multiply(rows: rows, by: x, into: y + rows.lowerBound)
        return
      }
      if rowsApart {
        weight.multiply(
          rows: rows, by: x, columns: tokens, into: y + rows.lowerBound, stride: outputs)
        return
      }
      withWidenedRows(of: weight, rows) { weights in
        BLAS.multiply(
          m: tokens, n: rows.count, k: inputs, Matrix(x, stride: inputs),
          Matrix(weights, stride: inputs).transposed, into: y + rows.lowerBound, stride: outputs
        )
      }
    }
  }
  return y
}

/// Gradient of `frozenLinear` for its input: `dY W`, `[tokens, outputs] x [outputs, inputs]`.
/// Each block of weights is widened once, by all workers, then multiplied with by all.
public func frozenLinearInputGradient(_ gradient: Tensor, _ weight: StoredTensor) -> Tensor {
  let inputs = weight.shape[1]
  let outputs = weight.shape[0]
  let tokens = gradient.count / outputs
  var inputGradient = Tensor(uninitialized: [tokens, inputs])
  if TileProduct.pays(n: inputs, k: outputs) {
    withPointers(writing(&inputGradient), gradient) { inputGradient, gradient in
      TileProduct(
        m: tokens, n: inputs, k: outputs, left: Matrix(gradient, stride: outputs),
        right: .stored(weight, transposed: false)
      ).write(to: inputGradient, stride: inputs)
    }
    return inputGradient
  }
  let blockRows = min(outputs, max(1, backwardBlockElements / inputs))
  var scratch = Tensor(uninitialized: [blockRows, inputs])
  withPointers(writing(&inputGradient), gradient, writing(&scratch)) {
    inputGradient, gradient, scratch in
    for start in stride(from: 0, to: outputs, by: blockRows) {
      let rows = start..<min(outputs, start + blockRows)
      WorkerPool.shared.parallelRanges(rows.count, minimum: 8) { part in
        weight.widen(
          rows: rows.lowerBound + part.lowerBound..<rows.lowerBound + part.upperBound,
          into: scratch + part.lowerBound * inputs)
      }
      WorkerPool.shared.parallelRanges(tokens, minimum: 16) { tokens in
        BLAS.multiply(
          m: tokens.count, n: inputs, k: rows.count,
          Matrix(gradient + tokens.lowerBound * outputs + rows.lowerBound, stride: outputs),
          Matrix(scratch, stride: inputs), beta: start == 0 ? 0 : 1,
          into: inputGradient + tokens.lowerBound * inputs, stride: inputs)
      }
    }
  }
  return inputGradient
}

/// Floats stored in order are used where they lie; everything else is widened into scratch.
func withWidenedRows<Result>(
  of weight: StoredTensor, _ rows: Range<Int>, _ body: (UnsafePointer<Float>) -> Result
) -> Result {
  if weight.elementType == .float32, weight.rowOrder == nil,
    let base = weight.bytes.baseAddress, UInt(bitPattern: base) % 4 == 0
  {
    return body(
      base.assumingMemoryBound(to: Float.self) + rows.lowerBound * weight.rowLength)
  }
  var scratch = Tensor(uninitialized: [rows.count, weight.rowLength])
  return scratch.withMutablePointer {
    weight.widen(rows: rows, into: $0)
    return body($0)
  }
}
