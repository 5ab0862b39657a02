import CVectorKernels
import TensorCore

/// One head of one segment.
struct DeltaRuleHead {
  let keyDim, valueDim: Int
  let scale: Float
  /// Rows.
  let count: Int
  /// Where chunks count from: tokens before the first row whose sums the state holds.
  let firstPosition: Int
  /// Heads whose kept states stand side by side.
  let heads: Int
  let queries, keys, values, removals, writes: HeadRows
  let decay: HeadDecay
  /// nil: 0.
  let initial: UnsafePointer<Float>?

  var stateCount: Int { keyDim * valueDim }

  /// Tokens of a chunk. Longer ones cost more than they save, also where decays are alike and pairs
  /// of tokens are a matrix product: the matrix products with the state, most of the work, are the
  /// same for any length. Chunks of 32 took 1.15 times as long there.
  static let chunkLength = 16
  /// Chunks between the states that the forward pass keeps for the backward pass, which computes
  /// those in between again.
  static let chunksPerState = 4

  var chunks: [Range<Int>] {
    chunkRanges(count, of: Self.chunkLength, firstPosition: firstPosition)
  }

  /// - Parameters:
  ///   - state: receives the last state.
  ///   - states: receives the state before every chunk that starts from a kept one, `heads` states
  ///     apart.
  func forward(
    output: MutableHeadRows, state: UnsafeMutablePointer<Float>, readings: MutableHeadRows?,
    states: UnsafeMutablePointer<Float>?
  ) {
    if count == 1, let initial {
      states?.update(from: initial, count: stateCount)
      step(from: initial, state: state, output: output[0], reading: readings?[0])
      return
    }
    copyInitial(to: state)
    DeltaRuleChunk.withScratch(self) { scratch in
      for (index, rows) in chunks.enumerated() {
        if let states, index % Self.chunksPerState == 0 {
          (states + index / Self.chunksPerState * heads * stateCount).update(
            from: state, count: stateCount)
        }
        DeltaRuleChunk(self, rows, scratch).forward(
          state: state, output: output, readings: readings)
      }
    }
  }

  private func copyInitial(to state: UnsafeMutablePointer<Float>) {
    if let initial {
      state.update(from: initial, count: stateCount)
    } else {
      state.update(repeating: 0, count: stateCount)
    }
  }

  /// One row by the recurrence: decoding.
  private func step(
    from initial: UnsafePointer<Float>, state: UnsafeMutablePointer<Float>,
    output: UnsafeMutablePointer<Float>,
    reading kept: UnsafeMutablePointer<Float>?
  ) {
    var scratch = Tensor(uninitialized: [keyDim + valueDim])
    scratch.withMutablePointer { decays in
      let reading = decays + keyDim
      vk_row_combination(removals[0], initial, reading, keyDim, valueDim)
      kept?.update(from: reading, count: valueDim)
      decay.decays(0..<1, into: decays, keyDim: keyDim)
      vk_recurrent_step(
        queries[0], scale, decays, decay.isPerChannel ? 1 : 0, writes[0], reading, keys[0],
        values[0], initial, state, output, keyDim, valueDim)
    }
  }
}
