import CVectorKernels
import TensorCore

/// The recurrent form of `deltaRule` over one sequence: one matrix a head, whatever the number of
/// tokens seen.
public struct DeltaRuleState: Sendable {
  public let shape: DeltaRuleShape
  /// Tokens seen.
  public private(set) var position = 0
  /// `P` after the last of them, `[heads, headDim, headDim]`.
  public private(set) var states: Tensor

  public init(_ shape: DeltaRuleShape) {
    self.shape = shape
    states = Tensor(zeros: [shape.heads, shape.headDim, shape.headDim])
  }

  /// A state as `position` and `states` of another say.
  init(_ shape: DeltaRuleShape, position: Int, states: Tensor) {
    self.shape = shape
    self.position = position
    self.states = states
  }

  /// The same state to be advanced otherwise; storage is copied now and not when one of the two
  /// is advanced.
  public func copied() -> DeltaRuleState {
    var copy = self
    copy.states = Tensor(uninitialized: states.shape)
    copy.states.withMutablePointer { target in
      states.withPointer { target.update(from: $0, count: states.count) }
    }
    return copy
  }

  /// Bytes of all heads' states.
  public var bytes: Int { states.count * MemoryLayout<Float>.stride }

  /// Outputs of the next tokens; shapes as in `deltaRule`, without padding.
  public mutating func advance(
    receptances: Tensor, logDecays: Tensor, keys: Tensor, values: Tensor, removals: Tensor,
    writes: Tensor
  ) -> Tensor {
    let shape = shape
    let tokens = receptances.shape[0]
    let operands = DeltaRuleOperands(
      receptances: receptances, logDecays: logDecays, keys: keys, values: values,
      removals: removals, writes: writes)
    operands.check(shape, rows: tokens)
    var output = Tensor(uninitialized: [tokens, shape.width])
    if tokens == 0 { return output }
    // Chunks end where those of the parallel form end, so that both sum in the same order.
    let length = DeltaRuleShape.chunkLength
    var ends = [min(tokens, length - position % length)]
    while ends.last! < tokens { ends.append(min(tokens, ends.last! + length)) }
    withMutablePointers(&output, &states) { output, states in
      operands.withHeads(shape, SequenceLayout(length: tokens)) { head, _, slot in
        let state = states + slot * shape.stateCount
        let output = output + slot * shape.headDim
        DeltaRuleChunk.withScratch(shape.headDim) { scratch in
          var start = 0
          for end in ends {
            let target = output + start * shape.width
            if end - start == 1 {
              head.step(start, state: state, output: target, reading: scratch)
            } else {
              DeltaRuleChunk(head, start..<end, scratch).forward(
                state: state, output: target, readings: nil)
            }
            start = end
          }
        }
      }
    }
    position += tokens
    return output
  }
}

extension DeltaRuleHead {
  /// One token by the recurrence, row by row of the state.
  ///
  /// - Parameter reading: scratch, `[headDim]`.
  func step(
    _ token: Int, state: UnsafeMutablePointer<Float>, output: UnsafeMutablePointer<Float>,
    reading: UnsafeMutablePointer<Float>
  ) {
    let d = shape.headDim
    let row = token * shape.width
    reading.update(repeating: 0, count: d)
    for index in 0..<d {
      vk_add_scaled(reading, state + index * d, removals[row + index], d)
    }
    output.update(repeating: 0, count: d)
    let decays = reading + d
    vk_exp(logDecays + row, decays, d)
    for index in 0..<d {
      let line = state + index * d
      vk_scale(line, line, decays[index], d)
      vk_add_scaled(line, reading, writes[row + index], d)
      vk_add_scaled(line, values + row, keys[row + index], d)
      vk_add_scaled(output, line, shape.scale * receptances[row + index], d)
    }
  }
}
