import Differentiation
import Operations
import Students
import TensorCore

/// Attention weights of a mixer that has them, `[queryHeads, length, length]` of one sequence: row
/// `i` says what the output at `i` takes of each value.
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
  let tape = Tape(isRecording: false)
  return probedAttentionWeights(length: length, shape: shape) { values in
    let probe = MixerInput(
      queries: input.queries, keys: input.keys, values: tape.constant(values),
      layout: input.layout)
    return mixer.forward(probe, on: tape).value
  }
}
