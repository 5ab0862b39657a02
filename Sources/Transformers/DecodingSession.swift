import Differentiation
import Operations
import Students
import TensorCore

/// One sequence being read and continued: a memory a layer, constant in size where the mixer is a
/// student's.
public final class DecodingSession {
  /// The model that reads.
  public let decoder: Decoder
  /// One a layer, none nil.
  private var memories: [Memory?]
  /// Tokens read.
  public private(set) var position = 0

  /// Tokens that it is to hold in the end, as far as is known.
  private let context: Int

  /// - Parameter context: tokens of the sequence that will be read in the end. A model whose rotary
  ///   positions depend on it (Phi-3 of 128k tokens) needs to know when it reads the first one.
  public init(_ decoder: Decoder, context: Int = 0) {
    self.decoder = decoder
    self.context = context
    memories = decoder.layers.map { $0.mixer.makeMemory() }
  }

  private init(_ other: DecodingSession) {
    decoder = other.decoder
    context = other.context
    memories = other.memories.map { $0?.copied() }
    position = other.position
  }

  /// The same context, to be continued otherwise: neither session moves the other.
  public func fork() -> DecodingSession { DecodingSession(self) }

  /// Bytes of all layers' memories.
  public var stateBytes: Int { memories.reduce(0) { $0 + ($1?.bytes ?? 0) } }

  /// Reads tokens and returns the hidden states after the final norm of the last piece,
  /// `[tokens, hiddenSize]` when there are no more than `pieceLength`. Long prompts are read in
  /// pieces, so that memory does not grow with their length.
  ///
  /// - Precondition: `position + tokens.count` is within learned positions.
  public func advance(_ tokens: [Int32], pieceLength: Int = 512) -> Tensor {
    var last = Tensor(zeros: [0, decoder.configuration.hiddenSize])
    var start = 0
    while start < tokens.count {
      let end = min(tokens.count, start + pieceLength)
      last = read(Array(tokens[start..<end]))
      start = end
    }
    return last
  }

  /// Logits of the token after the last one read, `[1, vocabularySize]`.
  public func logits(after tokens: [Int32]) -> Tensor {
    let hidden = advance(tokens)
    let rows = hidden.shape[0]
    return decoder.logits(copiedRows(hidden, rows - 1..<rows))
  }

  private func read(_ tokens: [Int32]) -> Tensor {
    let layout = SequenceLayout(
      rows: tokens.count,
      segments: [
        .init(start: 0, count: tokens.count, firstPosition: position, context: context)
      ])
    let tape = Tape(isRecording: false)
    let x = decoder.forEachLayer(tokens, ForwardPass(layout, on: tape)) { visit in
      visit.forward(memory: &memories[visit.layer.index])
    }
    position += tokens.count
    return decoder.finalNorm(x, on: tape).value
  }
}
