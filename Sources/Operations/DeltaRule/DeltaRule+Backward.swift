import CVectorKernels
import TensorCore

/// Gradients of `deltaRule`, shaped as the operands are, zero on padding.
public struct DeltaRuleGradients: Sendable {
  /// For the operands of the same names.
  public var queries, keys, values, removals, writes: Tensor
  /// For the log decays; nil where no operand has them.
  public var decay: Tensor?
  /// For the state before every segment.
  public var initial: RecurrentState<Tensor>
}

/// Gradients of `deltaRule`, chunk by chunk from the last, with the gradient of the state carried
/// backwards. The gradient of a log decay is the sum, over everything its decay is a factor of, of
/// value times gradient: all are added and none is subtracted, so strong decays keep their digits.
///
/// - Parameters:
///   - output: the gradient for the outputs; 0 where left out.
///   - final: the gradient for the final states; 0 where left out.
///   - saved: of the forward pass.
public func deltaRuleGradients(
  output: Tensor?, final: Tensor? = nil, queries: Tensor, keys: Tensor, values: Tensor,
  removals: Tensor, writes: Tensor, decay: RecurrentDecay<Tensor>, saved: DeltaRuleSaved,
  shape: RecurrentShape, layout: SequenceLayout, initial: RecurrentState<Tensor>? = nil
) -> DeltaRuleGradients {
  let operands = DeltaRuleOperands(
    queries: queries, keys: keys, values: values, removals: removals, writes: writes, decay: decay,
    initial: initial, shape: shape, layout: layout)
  let output = output ?? Tensor(zeros: [layout.rows, shape.outputWidth])
  precondition(
    output.shape == [layout.rows, shape.outputWidth] && saved.readings.shape == output.shape,
    "gradient \(output.shape) and readings \(saved.readings.shape) for \(shape)")
  let perHead: Shape = [layout.rows, shape.queryWidth]
  // The gradient of the final states, carried back, becomes that of the initial ones.
  var results = [
    Tensor(zeros: perHead), Tensor(zeros: perHead),
    Tensor(zeros: [layout.rows, shape.outputWidth]), Tensor(zeros: perHead), Tensor(zeros: perHead),
    final ?? RecurrentState(emptyFor: shape, segments: layout.segments.count).sums,
  ]
  if let operand = decay.operand { results.append(Tensor(zeros: operand.shape)) }
  let decayDim = decay.operand.map { $0.shape[1] / shape.queryHeads }
  let offsets = operands.stateOffsets
  withPointers(writing(&results), output, saved.readings, saved.states) {
    results, output, readings, states in
    operands.withHeads { head, place, segment in
      DeltaRuleBackward(
        head: head, gradient: place.rows(output, dim: shape.valueDim),
        readings: place.rows(readings, dim: shape.valueDim),
        states: states + (offsets[segment] * shape.queryHeads + place.head) * shape.stateCount,
        later: results[5] + place.slot * shape.stateCount,
        queries: place.rows(results[0], dim: shape.keyDim),
        keys: place.rows(results[1], dim: shape.keyDim),
        values: place.rows(results[2], dim: shape.valueDim),
        removals: place.rows(results[3], dim: shape.keyDim),
        writes: place.rows(results[4], dim: shape.keyDim),
        logDecays: decayDim.map { place.rows(results[6], dim: $0) }
      ).run()
    }
  }
  let summed = { (x: Tensor, heads: Int, dim: Int) in
    summedOverGroups(x, from: shape.queryHeads, to: heads, dim: dim)
  }
  return DeltaRuleGradients(
    queries: results[0], keys: summed(results[1], shape.keyHeads, shape.keyDim),
    values: summed(results[2], shape.valueHeads, shape.valueDim),
    removals: summed(results[3], operands.removalHeads, shape.keyDim),
    writes: summed(results[4], operands.writeHeads, shape.keyDim),
    decay: decay.operand == nil ? nil : results[6], initial: RecurrentState(sums: results[5]))
}

/// The backward pass of one head of one segment. Legend: `state` that before a chunk, `later` the
/// gradient of that after it, `d…` the gradient of …; see `DeltaRuleChunk`.
private struct DeltaRuleBackward {
  let head: DeltaRuleHead
  let gradient, readings: HeadRows
  let states: UnsafePointer<Float>
  /// The gradient of the final state before, that of the initial state after.
  let later: UnsafeMutablePointer<Float>
  /// Gradients, zero before.
  let queries, keys, values, removals, writes: MutableHeadRows
  /// Where an operand has the log decays.
  let logDecays: MutableHeadRows?

  func run() {
    let (f, d, size) = (head.keyDim, head.valueDim, head.stateCount)
    let length = DeltaRuleHead.chunkLength
    let interval = DeltaRuleHead.chunksPerState
    let chunks = head.chunks
    var memory = Tensor(
      uninitialized: [interval * size + 4 * length * d + 4 * length * f + 4 * length * length])
    memory.withMutablePointer { kept in
      let scratch = kept + interval * size
      DeltaRuleChunk.withScratch(head) { chunkScratch in
        let chunk = { (index: Int) -> DeltaRuleChunk in
          let chunk = DeltaRuleChunk(head, chunks[index], chunkScratch)
          chunk.restore(readings)
          return chunk
        }
        for first in stride(from: 0, to: chunks.count, by: interval).reversed() {
          let indices = first..<min(chunks.count, first + interval)
          kept.update(from: states + first / interval * head.heads * size, count: size)
          sweep(indices, chunk, kept: kept, scratch: scratch)
        }
      }
    }
  }

  /// Forward over the chunks from the state that `kept` begins with, then back.
  private func sweep(
    _ indices: Range<Int>, _ chunk: (Int) -> DeltaRuleChunk, kept: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let size = head.stateCount
    let state = { (index: Int) in kept + (index - indices.lowerBound) * size }
    for index in indices.dropLast() {
      chunk(index).advance(state(index), into: state(index + 1))
    }
    for index in indices.reversed() {
      chunkGradients(chunk(index), state: state(index), scratch: scratch)
    }
  }

  private func chunkGradients(
    _ chunk: DeltaRuleChunk, state: UnsafePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    let (n, f, d, first) = (chunk.n, chunk.f, chunk.d, chunk.start)
    // [dE; scale dO], [dE; dV], [d(z ⊙ Λ); d(q ⊙ Λ)], [d(β ⊙ Γ); d(k ⊙ Γ)]
    let upstream = scratch
    let dValues = upstream + 2 * n * d
    let dReads = dValues + 2 * n * d
    let dWrites = dReads + 2 * n * f
    let dProducts = dWrites + 2 * n * f
    let products = chunk.products
    chunk.multiplyPairs()
    for t in 0..<n { vk_scale(gradient[first + t], upstream + (n + t) * d, head.scale, d) }
    BLAS.multiply(
      m: 2 * n, n: d, k: f, Matrix(chunk.writes, stride: f), Matrix(later, stride: d),
      into: dValues, stride: d)
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
    for t in 0..<n { values[first + t].update(from: dValues + (n + t) * d, count: d) }

    BLAS.multiply(
      m: 2 * n, n: 2 * n, k: d, Matrix(upstream, stride: d),
      Matrix(chunk.values, stride: d).transposed, into: dProducts, stride: 2 * n)
    BLAS.multiply(
      m: 2 * n, n: f, k: d, Matrix(upstream, stride: d), Matrix(state, stride: d).transposed,
      into: dReads, stride: f)
    BLAS.multiply(
      m: 2 * n, n: f, k: d, Matrix(chunk.values, stride: d), Matrix(later, stride: d).transposed,
      into: dWrites, stride: f)
    stateFactorGradients(chunk, state: state, dReads: dReads, dWrites: dWrites)
    productGradients(chunk, dProducts)

    chunk.decay(later, into: later)
    BLAS.multiply(
      m: f, n: d, k: 2 * n, Matrix(chunk.reads, stride: f).transposed, Matrix(upstream, stride: d),
      beta: 1, into: later, stride: d)
  }

  /// Gradients through `z ⊙ Λ`, `q ⊙ Λ`, `β ⊙ Γ`, `k ⊙ Γ` and `Λ_C ⊙ P`.
  private func stateFactorGradients(
    _ chunk: DeltaRuleChunk, state: UnsafePointer<Float>, dReads: UnsafePointer<Float>,
    dWrites: UnsafePointer<Float>
  ) {
    let (n, f, d, first, width) = (chunk.n, chunk.f, chunk.d, chunk.start, chunk.factors)
    // A decay is a factor of every later read, of every earlier write, and of what stays of the
    // state.
    let sums = chunk.rows
    if chunk.isPerChannel {
      for index in 0..<f {
        sums[index] =
          chunk.before[n * f + index] * vk_dot(state + index * d, later + index * d, d)
      }
    } else if logDecays != nil {
      sums[0] = chunk.before[n] * vk_dot(state, later, f * d)
    }
    let product = chunk.rows + f
    let add = { (left: UnsafePointer<Float>, right: UnsafePointer<Float>) in
      if logDecays == nil { return }
      if chunk.isPerChannel {
        vk_multiply(left, right, product, f)
        vk_add_scaled(sums, product, 1, f)
      } else {
        sums[0] += vk_dot(left, right, f)
      }
    }
    let addToDecays = { (row: Int) in
      if let logDecays { vk_add_scaled(logDecays[row], sums, 1, width) }
    }
    for t in (0..<n).reversed() {
      let (read, output) = (dReads + t * f, dReads + (n + t) * f)
      add(chunk.reads + (n + t) * f, output)
      addToDecays(first + t)
      add(chunk.reads + t * f, read)
      chunk.scale(read, by: chunk.before + t * width, into: removals[first + t])
      chunk.scale(output, by: chunk.before + (t + 1) * width, into: queries[first + t])
    }
    sums.update(repeating: 0, count: width)
    for t in 0..<n {
      let (write, key) = (dWrites + t * f, dWrites + (n + t) * f)
      addToDecays(first + t)
      add(chunk.writes + t * f, write)
      add(chunk.writes + (n + t) * f, key)
      chunk.scale(write, by: chunk.after + t * width, into: writes[first + t])
      chunk.scale(key, by: chunk.after + t * width, into: keys[first + t])
    }
  }

  /// Gradients through the products within the chunk.
  ///
  /// - Parameter blocks: gradients of `[A_zβ A_zk; A_qβ A_qk]`, `[2n, 2n]`.
  private func productGradients(_ chunk: DeltaRuleChunk, _ blocks: UnsafeMutablePointer<Float>) {
    let (n, f, first) = (chunk.n, chunk.f, chunk.start)
    if chunk.isPerChannel {
      let (q, z) = (head.queries.dropFirst(first), head.removals.dropFirst(first))
      let (b, k) = (head.writes.dropFirst(first), head.keys.dropFirst(first))
      vk_delta_rule_product_gradients(
        q.start, q.stride, z.start, z.stride, b.start, b.stride, k.start, k.stride, chunk.decays,
        blocks, queries[first], removals[first], writes[first], keys[first], logDecays![first],
        queries.stride, n, f)
      return
    }
    if let logDecays {
      // Of the pairs whose decays include that of token t: queries from t on and removals after
      // it, with writes and keys before it, a column each.
      let columns = chunk.rows
      columns.update(repeating: 0, count: n)
      for t in (0..<n).reversed() {
        for column in [0, n] {
          let query = (n + t) * 2 * n + column
          vk_multiply_add(blocks + query, chunk.products + query, columns, t)
          guard t + 1 < n else { continue }
          let removal = (t + 1) * 2 * n + column
          vk_multiply_add(blocks + removal, chunk.products + removal, columns, t)
        }
        logDecays[first + t][0] += vk_sum(columns, t)
      }
    }
    chunk.maskPairs(blocks)
    for (block, target) in [(0, removals), (n, queries)] {
      BLAS.multiply(
        m: n, n: f, k: 2 * n, Matrix(blocks + block * 2 * n, stride: 2 * n),
        Matrix(chunk.plainWrites, stride: f), beta: 1, into: target[first], stride: target.stride)
    }
    for (block, target) in [(0, writes), (n, keys)] {
      BLAS.multiply(
        m: n, n: f, k: 2 * n, Matrix(blocks + block, stride: 2 * n).transposed,
        Matrix(chunk.plainReads, stride: f), beta: 1, into: target[first], stride: target.stride)
    }
  }
}
