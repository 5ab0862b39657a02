import Differentiation
import Operations
import Students
import TensorCore

/// Attention weights of a mixer that has them, `[queryHeads, length, length]` of one sequence: row `i` says what
/// the output at `i` takes of each value.
///
/// Softmax layers give them directly. Every other mixer is asked for its outputs on unit vectors in
/// place of the values, `headDim` positions at a time: outputs are linear in the values, so these
/// are the weights, normalised as the mixer does, without a second implementation of any.
///
/// - Parameter input: of one sequence, without padding.
public func attentionWeights(
  of mixer: any AttentionWeightMixer, _ input: MixerInput, shape: AttentionShape
) -> Tensor {
  let length = input.layout.rows
  precondition(
    input.layout.segments.map(\.rows) == [0..<length],
    "weights of \(input.layout.segments), expected one sequence of \(length) rows")
  if let softmax = mixer as? SoftmaxAttentionMixer {
    return softmaxAttentionWeights(
      queries: input.queries.value, keys: input.keys.value, shape: softmax.shape,
      segment: input.layout.segments[0], window: softmax.window)
  }
  let d = shape.headDim
  let tape = Tape(isRecording: false)
  var weights = Tensor(zeros: [shape.queryHeads, length, length])
  for first in stride(from: 0, to: length, by: d) {
    let columns = min(d, length - first)
    let probe = MixerInput(
      queries: input.queries, keys: input.keys,
      values: tape.constant(unitValues(first..<first + columns, length: length, shape: shape)),
      layout: input.layout)
    let output = mixer.forward(probe, on: tape).value
    weights.withMutablePointer { weights in
      output.withPointer { output in
        for head in 0..<shape.queryHeads {
          for row in 0..<length {
            (weights + (head * length + row) * length + first).update(
              from: output + row * shape.queryWidth + head * d, count: columns)
          }
        }
      }
    }
  }
  return weights
}

/// The value at `positions[c]` is the unit vector `c` in every head, all others are zero.
private func unitValues(_ positions: Range<Int>, length: Int, shape: AttentionShape) -> Tensor {
  var values = Tensor(zeros: [length, shape.keyWidth])
  values.withMutablePointer { values in
    for (column, position) in positions.enumerated() {
      for head in 0..<shape.keyValueHeads {
        values[position * shape.keyWidth + head * shape.headDim + column] = 1
      }
    }
  }
  return values
}
