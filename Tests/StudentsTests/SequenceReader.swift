import Differentiation
import Operations
import Students
import TensorCore

/// One sequence on its way through a mixer, and what the mixer remembers of it.
struct SequenceReader {
  let mixer: any TokenMixer
  var memory: Memory?

  init(_ mixer: any TokenMixer) {
    self.mixer = mixer
    memory = mixer.makeMemory()
  }

  var position: Int { memory!.position }
  var bytes: Int { memory!.bytes }

  func copied() -> SequenceReader {
    var copy = self
    copy.memory = memory?.copied()
    return copy
  }

  /// Outputs of the next tokens.
  mutating func advance(_ input: (_ firstPosition: Int, Tape) -> MixerInput) -> [Float] {
    let tape = Tape(isRecording: false)
    return mixer.forward(input(position, tape), memory: &memory, on: tape).value.elements
  }

  /// Outputs of a sequence fed in pieces of at most `pieceLength` tokens.
  mutating func advance(_ operands: MixerOperands, pieceLength: Int) -> [Float] {
    var outputs: [Float] = []
    for start in stride(from: 0, to: operands.rows, by: pieceLength) {
      let piece = operands[start..<min(operands.rows, start + pieceLength)]
      outputs += advance { piece.input(firstPosition: $0, on: $1) }
    }
    return outputs
  }
}
