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
  var memories: [Memory?]
  /// Tokens read.
  public internal(set) var position = 0
  /// Hidden state after the final norm of the last token read, `[1, hiddenSize]`; nil while none is.
  public internal(set) var lastHidden: Tensor?
  /// Tokens that it is to hold in the end, as far as is known.
  public private(set) var context: Int

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
    lastHidden = other.lastHidden
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

  /// Reads tokens, if any, and returns the logits of the token after the last one read,
  /// `[1, vocabularySize]`.
  ///
  /// - Precondition: as of `advance`, and at least one token has been read then.
  public func logits(after tokens: [Int32]) -> Tensor {
    _ = advance(tokens)
    guard let lastHidden else { preconditionFailure("logits of a session that has read nothing") }
    return decoder.logits(lastHidden)
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
    let hidden = decoder.finalNorm(x, on: tape).value
    lastHidden = copiedRows(hidden, tokens.count - 1..<tokens.count)
    return hidden
  }
}

// Sessions that outlive a process.
extension DecodingSession {
  /// What a layer remembers, to be written down.
  public func tensors(ofLayer index: Int) -> [(name: String, tensor: Tensor)] {
    memories[index]!.tensors
  }

  /// A session where another one stood, of the same model.
  ///
  /// - Parameters:
  ///   - context: of that session.
  ///   - position: tokens that it had read.
  ///   - lastHidden: its `lastHidden`.
  ///   - tensors: what a layer of it remembered, as `tensors(ofLayer:)` gave it.
  /// - Throws: what `tensors` throws, and `MemoryError` for tensors of another model.
  public convenience init(
    _ decoder: Decoder, context: Int, position: Int, lastHidden: Tensor,
    tensors: (_ layer: Int) throws -> [(name: String, tensor: Tensor)]
  ) throws {
    precondition(
      lastHidden.shape == [1, decoder.configuration.hiddenSize],
      "\(lastHidden.shape) of a width of \(decoder.configuration.hiddenSize)")
    self.init(decoder, context: context)
    for index in memories.indices {
      try memories[index]!.restore(position: position, try tensors(index))
    }
    self.position = position
    self.lastHidden = lastHidden
  }

  /// Makes known that more tokens will come than were known of.
  ///
  /// - Returns: false, and nothing is changed, where positions of tokens already read would be
  ///   others in so long a sequence: those have to be read again.
  public func expect(context longer: Int) -> Bool {
    if position > 0, decoder.turnsOtherwise(context, longer) { return false }
    context = max(context, longer)
    return true
  }
}

extension Decoder {
  /// Whether tokens have other rotary positions in sequences of the one length than of the other.
  fileprivate func turnsOtherwise(_ length: Int, _ other: Int) -> Bool {
    guard case .rotary(let embeddings) = configuration.positions else { return false }
    return embeddings.contains { $0?.differs(between: length, and: other) ?? false }
  }
}
