import Differentiation
import Operations
import Students
import TensorCore

// Sequences of several readers, decoded together.
extension DecodingSession {
  /// Reads one token in each of several sequences of one model, the weights once for all of them.
  /// Every sequence is to the last bit what it is when it is read alone.
  ///
  /// - Parameters:
  ///   - sessions: at least one, all different.
  ///   - tokens: one each.
  /// - Returns: The logits of the tokens after them, `[sessions, vocabularySize]`.
  public static func logits(_ sessions: [DecodingSession], after tokens: [Int32]) -> Tensor {
    precondition(
      sessions.count == tokens.count && !sessions.isEmpty,
      "\(tokens.count) tokens of \(sessions.count) sequences")
    let decoder = sessions[0].decoder
    precondition(sessions.allSatisfy { $0.decoder === decoder }, "sequences of several models")
    if sessions.count == 1 { return sessions[0].logits(after: tokens) }
    let layout = SequenceLayout(
      rows: sessions.count,
      segments: sessions.enumerated().map { row, session in
        .init(
          start: row, count: 1, firstPosition: session.position, context: session.context)
      })
    let tape = Tape(isRecording: false, keepsRowsApart: true)
    // What layers share is of one sequence.
    let shared = sessions.map { _ in SharedValues() }
    let x = decoder.forEachLayer(tokens, ForwardPass(layout, on: tape)) { visit in
      let attention = mix(sessions, sharing: shared, visit.layer, visit.input)
      return visit.finish(attention: tape.constant(attention))
    }
    let hidden = decoder.finalNorm(x, on: tape).value
    for (row, session) in sessions.enumerated() {
      session.position += 1
      session.lastHidden = copiedRows(hidden, row..<row + 1)
    }
    return decoder.logits(hidden, rowsApart: true)
  }

  /// A layer's mixer in each of the sequences, split over the workers:
  /// `[sessions, queryHeads * headDim]`.
  private static func mix(
    _ sessions: [DecodingSession], sharing shared: [SharedValues], _ layer: DecoderLayer,
    _ input: MixerInput
  ) -> Tensor {
    let mixer = layer.mixer
    input.prepare(for: mixer)
    let outputs = WorkerPool.shared.parallelMap(sessions.count) { row in
      let session = sessions[row]
      let part = input.rows(
        row..<row + 1, firstPosition: session.position, for: mixer, sharing: shared[row])
      return mixer.forward(
        part, memory: &session.memories[layer.index], on: Tape(isRecording: false)
      ).value
    }
    return joinedRows(
      outputs.enumerated().map { ($0..<$0 + 1, $1) }, rows: sessions.count,
      width: outputs[0].shape[-1])
  }
}
