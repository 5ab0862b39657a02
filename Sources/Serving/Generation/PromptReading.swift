import Operations
import TensorCore
import Transformers

/// A prompt that is being read, piece by piece. Of the working thread alone.
final class PromptReading {
  /// Tokens that other sequences wait for at most.
  static let pieceLength = 128
  /// Pieces in which a prompt is read that is read alone (`DecodingSession.advance`).
  private static let wholeLength = 512

  let ticket: Ticket
  /// Of the ticket's prompts.
  let index: Int
  let session: DecodingSession
  private var told: [ToldToken] = []
  private let words: Vocabulary

  var tokens: [Int32] { ticket.request.prompts[index] }
  var isDone: Bool { session.position == tokens.count }

  init(_ ticket: Ticket, index: Int, _ decoder: Decoder, words: Vocabulary) {
    self.ticket = ticket
    self.index = index
    self.words = words
    session = DecodingSession(
      decoder, context: ticket.request.prompts[index].count + ticket.request.maximumTokens)
  }

  /// Where the piece ends that begins at a token.
  ///
  /// One token alone is read by other kernels than several, with other last bits: pieces are cut so
  /// that a token is alone here where it is alone in a prompt that is read at once.
  static func end(of start: Int, in count: Int) -> Int {
    let block = min(count, (start / wholeLength + 1) * wholeLength)
    return block - start <= pieceLength + 1 ? block : start + pieceLength
  }

  /// Reads the next piece.
  func advance() {
    let start = session.position
    let end = Self.end(of: start, in: tokens.count)
    let hidden = session.advance(Array(tokens[start..<end]), pieceLength: end - start)
    if ticket.request.tellsPrompts, let top = ticket.request.toldTokens {
      tell(hidden, from: start, top: top)
    }
  }

  /// The logits of a piece say how probable the tokens behind its own were.
  private func tell(_ hidden: Tensor, from start: Int, top: Int) {
    if start == 0 { told.append(ToldToken(bytes: words.tokenizer.bytes(of: tokens[0]))) }
    let next = Array(tokens[min(start + 1, tokens.count)..<min(session.position + 1, tokens.count)])
    if next.isEmpty { return }
    let logits = session.decoder.logits(copiedRows(hidden, 0..<next.count))
    told += logProbabilities(logits, of: next, top: top).map(words.told)
  }

  /// - Precondition: `isDone`.
  func finish() {
    if ticket.request.tellsPrompts, ticket.request.toldTokens != nil {
      ticket.tell(.prompt(index, told))
    }
  }
}
