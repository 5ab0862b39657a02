import CVectorKernels
import TensorCore

/// `S` and `z` of one head, `[keyDim, valueDim]` and `[keyDim]`, or their gradients.
struct GatedState {
  let sums: UnsafeMutablePointer<Float>
  let normalizer: UnsafeMutablePointer<Float>?
}

/// One head of one segment.
struct GatedHead {
  let keyDim, valueDim: Int
  let scale: Float
  /// Rows.
  let count: Int
  /// Where chunks count from: tokens before the first row whose sums the state holds.
  let firstPosition: Int
  let queries, keys, values: HeadRows
  let decay: HeadDecay
  let isCausal: Bool
  let initialSums, initialNormalizer: UnsafePointer<Float>?

  /// Writes numerators and denominators, and into `state` what it is after the last row.
  func forward(
    state: GatedState, numerator: MutableHeadRows, denominator: MutableHeadRows?
  ) {
    if !isCausal {
      copyInitial(to: state)
      forwardOfAll(state: state, numerator: numerator, denominator: denominator)
    } else if count == 1, initialSums != nil {
      step(state: state, numerator: numerator[0], denominator: denominator?[0])
    } else if decay.isPerChannel {
      forward(ChannelDecayChunk.self, state, numerator, denominator)
    } else {
      forward(ScalarDecayChunk.self, state, numerator, denominator)
    }
  }

  func copyInitial(to state: GatedState) {
    if let initialSums {
      state.sums.update(from: initialSums, count: keyDim * valueDim)
    } else {
      state.sums.update(repeating: 0, count: keyDim * valueDim)
    }
    guard let normalizer = state.normalizer else { return }
    if let initialNormalizer {
      normalizer.update(from: initialNormalizer, count: keyDim)
    } else {
      normalizer.update(repeating: 0, count: keyDim)
    }
  }

  func chunks(of length: Int) -> [Range<Int>] {
    chunkRanges(count, of: length, firstPosition: firstPosition)
  }

  private func forward<Chunk: GatedChunk>(
    _: Chunk.Type, _ state: GatedState, _ numerator: MutableHeadRows,
    _ denominator: MutableHeadRows?
  ) {
    copyInitial(to: state)
    var scratch = Tensor(uninitialized: [Chunk.elements(self, forGradients: false)])
    scratch.withMutablePointer { scratch in
      for rows in chunks(of: Chunk.length) {
        let chunk = Chunk(self, rows, scratch, forGradients: false)
        chunk.prepareDecays()
        chunk.prepareQueries()
        chunk.prepareKeys()
        chunk.prepareProducts()
        chunk.outputs(state, numerator, denominator)
        chunk.advance(state)
      }
    }
  }

  /// One row by the recurrence: decoding.
  private func step(
    state: GatedState, numerator: UnsafeMutablePointer<Float>,
    denominator: UnsafeMutablePointer<Float>?
  ) {
    var scratch = Tensor(uninitialized: [keyDim])
    scratch.withMutablePointer { decays in
      decay.decays(0..<1, into: decays, keyDim: keyDim)
      let step = decay.isPerChannel ? 1 : 0
      vk_recurrent_step(
        queries[0], scale, decays, step, nil, nil, keys[0], values[0], initialSums, state.sums,
        numerator, keyDim, valueDim)
      guard let normalizer = state.normalizer, let denominator else { return }
      for channel in 0..<keyDim {
        let before = initialNormalizer.map { decays[channel * step] * $0[channel] } ?? 0
        normalizer[channel] = before + keys[0][channel]
      }
      denominator[0] = scale * vk_dot(queries[0], normalizer, keyDim)
    }
  }
}
