import CVectorKernels
import TensorCore

/// Gradients of `deltaRule`, `[tokens, heads * headDim]` each, zero on padding.
public struct DeltaRuleGradients: Sendable {
  public var receptances: Tensor
  /// For `log w`.
  public var logDecays: Tensor
  public var keys: Tensor
  public var values: Tensor
  public var removals: Tensor
  public var writes: Tensor
}

/// Gradients of `deltaRule`, chunk by chunk from the last, with the gradient of the state carried
/// backwards. The gradient of a log decay is the sum, over everything its decay is a factor of, of
/// value times gradient: all are added and none is subtracted, so strong decays keep their digits.
public func deltaRuleGradients(
  _ gradient: Tensor, receptances: Tensor, logDecays: Tensor, keys: Tensor, values: Tensor,
  removals: Tensor, writes: Tensor, saved: DeltaRuleSaved, shape: DeltaRuleShape,
  layout: SequenceLayout
) -> DeltaRuleGradients {
  let operands = DeltaRuleOperands(
    receptances: receptances, logDecays: logDecays, keys: keys, values: values, removals: removals,
    writes: writes)
  operands.check(shape, rows: layout.rows)
  shape.check([gradient, saved.readings], rows: layout.rows)
  let zeros = { Tensor(zeros: [layout.rows, shape.width]) }
  var found = DeltaRuleGradients(
    receptances: zeros(), logDecays: zeros(), keys: zeros(), values: zeros(), removals: zeros(),
    writes: zeros())
  let offsets = stateOffsets(layout)
  withMutablePointers(&found.receptances, &found.logDecays, &found.keys) {
    receptances, logDecays, keys in
    withMutablePointers(&found.values, &found.removals, &found.writes) {
      values, removals, writes in
      withPointers(gradient, saved.readings, saved.states) { gradient, readings, states in
        operands.withHeads(shape, layout) { head, index, slot in
          let segment = layout.segments[index]
          let offset = segment.start * shape.width + slot * shape.headDim
          DeltaRuleBackward(
            head: head, count: segment.count, gradient: gradient + offset,
            readings: readings + offset,
            states: states + (offsets[index] * shape.heads + slot) * shape.stateCount,
            receptances: receptances + offset, logDecays: logDecays + offset, keys: keys + offset,
            values: values + offset, removals: removals + offset, writes: writes + offset
          ).run()
        }
      }
    }
  }
  return found
}

/// The backward pass of one head of one segment. Legend: `state` that before a chunk,
/// `dState` the gradient of that after it, `d…` the gradient of …; see `DeltaRuleChunk`.
private struct DeltaRuleBackward {
  let head: DeltaRuleHead
  let count: Int
  let gradient, readings, states: UnsafePointer<Float>
  /// Gradients, zero before, rows `width` apart.
  let receptances, logDecays, keys, values, removals, writes: UnsafeMutablePointer<Float>

  private static let chunksPerState = DeltaRuleShape.stateInterval / DeltaRuleShape.chunkLength

  func run() {
    let (d, size) = (head.shape.headDim, head.shape.stateCount)
    let length = DeltaRuleShape.chunkLength
    let interval = DeltaRuleShape.stateInterval
    var memory = Tensor(
      zeros: [(Self.chunksPerState + 1) * size + 8 * length * d + 4 * length * length])
    memory.withMutablePointer { memory in
      let dState = memory
      let kept = memory + size
      let scratch = memory + (Self.chunksPerState + 1) * size
      DeltaRuleChunk.withScratch(d) { chunkScratch in
        for first in stride(from: 0, to: count, by: interval).reversed() {
          let starts = Array(stride(from: first, to: min(count, first + interval), by: length))
          let chunk = { (start: Int) -> DeltaRuleChunk in
            let chunk = DeltaRuleChunk(
              head, start..<min(count, start + length), chunkScratch)
            chunk.restore(readings)
            return chunk
          }
          kept.update(
            from: states + first / interval * head.shape.heads * size, count: size)
          for (index, start) in starts.dropLast().enumerated() {
            chunk(start).advance(kept + index * size, into: kept + (index + 1) * size)
          }
          for (index, start) in starts.enumerated().reversed() {
            chunkGradients(
              chunk(start), state: kept + index * size, dState: dState, scratch: scratch)
          }
        }
      }
    }
  }

  /// - Parameter dState: the gradient of the state after the chunk, then of the one before it.
  private func chunkGradients(
    _ chunk: DeltaRuleChunk, state: UnsafePointer<Float>, dState: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let (n, d, stride) = (chunk.n, chunk.d, chunk.stride)
    // [dU; scale dO], [dE; dV], [d(z ⊙ Λ); d(r ⊙ Λ)], [d(β ⊙ Γ); d(k ⊙ Γ)]
    let upstream = scratch
    let dValues = scratch + 2 * n * d
    let dReads = scratch + 4 * n * d
    let dWrites = scratch + 6 * n * d
    let dProducts = scratch + 8 * n * d
    let products = chunk.products
    let first = chunk.start * stride
    chunk.multiplyPairs()
    for t in 0..<n {
      vk_scale(gradient + first + t * stride, upstream + (n + t) * d, head.shape.scale, d)
    }
    BLAS.multiply(
      m: 2 * n, n: d, k: d, Matrix(chunk.writes, stride: d), Matrix(dState, stride: d),
      into: dValues,
      stride: d)
    BLAS.multiply(
      m: 2 * n, n: d, k: n, Matrix(products + n * 2 * n, stride: 2 * n).transposed,
      Matrix(upstream + n * d, stride: d), beta: 1, into: dValues, stride: d)
    for t in (0..<n).reversed() {
      for s in 0..<t {
        vk_add_scaled(dValues + s * d, dValues + t * d, products[t * 2 * n + s], d)
      }
    }
    upstream.update(from: dValues, count: n * d)
    BLAS.multiply(
      m: n, n: d, k: n, Matrix(products + n, stride: 2 * n).transposed,
      Matrix(upstream, stride: d), beta: 1, into: dValues + n * d, stride: d)
    for t in 0..<n {
      (values + first + t * stride).update(from: dValues + (n + t) * d, count: d)
    }

    BLAS.multiply(
      m: 2 * n, n: 2 * n, k: d, Matrix(upstream, stride: d),
      Matrix(chunk.values, stride: d).transposed, into: dProducts, stride: 2 * n)
    BLAS.multiply(
      m: 2 * n, n: d, k: d, Matrix(upstream, stride: d), Matrix(state, stride: d).transposed,
      into: dReads, stride: d)
    BLAS.multiply(
      m: 2 * n, n: d, k: d, Matrix(chunk.values, stride: d), Matrix(dState, stride: d).transposed,
      into: dWrites, stride: d)
    stateFactorGradients(chunk, state: state, dState: dState, dReads: dReads, dWrites: dWrites)
    vk_delta_rule_product_gradients(
      chunk.row(head.receptances, 0), chunk.row(head.removals, 0), chunk.row(head.writes, 0),
      chunk.row(head.keys, 0), stride, chunk.decays, dProducts, receptances + first,
      removals + first, writes + first, keys + first, logDecays + first, n, d)

    chunk.decay(dState, into: dState)
    BLAS.multiply(
      m: d, n: d, k: 2 * n, Matrix(chunk.reads, stride: d).transposed, Matrix(upstream, stride: d),
      beta: 1, into: dState, stride: d)
  }

  /// Gradients through `z ⊙ Λ`, `r ⊙ Λ`, `β ⊙ Γ`, `k ⊙ Γ` and `Λ_C ⊙ P`.
  private func stateFactorGradients(
    _ chunk: DeltaRuleChunk, state: UnsafePointer<Float>, dState: UnsafePointer<Float>,
    dReads: UnsafePointer<Float>, dWrites: UnsafePointer<Float>
  ) {
    let (n, d, stride) = (chunk.n, chunk.d, chunk.stride)
    let first = chunk.start * stride
    // A decay is a factor of every later read, of every earlier write, and of what stays of the state.
    let sums = chunk.rows
    for index in 0..<d {
      sums[index] = chunk.before[n * d + index] * vk_dot(state + index * d, dState + index * d, d)
    }
    let product = chunk.rows + d
    let add = { (left: UnsafePointer<Float>, right: UnsafePointer<Float>) in
      vk_multiply(left, right, product, d)
      vk_add_scaled(sums, product, 1, d)
    }
    for t in (0..<n).reversed() {
      let row = first + t * stride
      let (read, output) = (dReads + t * d, dReads + (n + t) * d)
      add(chunk.reads + (n + t) * d, output)
      vk_add_scaled(logDecays + row, sums, 1, d)
      add(chunk.reads + t * d, read)
      vk_multiply(read, chunk.before + t * d, removals + row, d)
      vk_multiply(output, chunk.before + (t + 1) * d, receptances + row, d)
    }
    sums.update(repeating: 0, count: d)
    for t in 0..<n {
      let row = first + t * stride
      let (write, key) = (dWrites + t * d, dWrites + (n + t) * d)
      vk_add_scaled(logDecays + row, sums, 1, d)
      add(chunk.writes + t * d, write)
      add(chunk.writes + (n + t) * d, key)
      vk_multiply(write, chunk.after + t * d, writes + row, d)
      vk_multiply(key, chunk.after + t * d, keys + row, d)
    }
  }
}
