import Corpus
import Models
import Operations
import TensorCore
import Transformers

/// One choice of a request that is being continued. Of the working thread alone.
final class LiveSequence {
  let ticket: Ticket
  let choice: Int
  let session: DecodingSession
  /// To be read next.
  private(set) var token: Int32 = 0
  /// Tokens chosen, without the one that ended the text.
  private(set) var count = 0

  private let words: Vocabulary
  private let sampler: any TokenSampler
  /// Tokens that can be chosen before the model has no more positions.
  private let room: Int
  private var decoder: StreamingDecoder
  private var stop: StopScanner
  /// Bytes of text that were made, and that were told.
  private var (made, told) = (0, 0)
  /// Tokens whose text was not told yet, with the byte at which it begins.
  private var untold: [(start: Int, token: ToldToken)] = []

  init(
    _ ticket: Ticket, choice: Int, _ session: DecodingSession, words: Vocabulary, room: Int
  ) {
    let request = ticket.request
    self.ticket = ticket
    self.choice = choice
    self.session = session
    self.words = words
    self.room = room
    var sampling = request.sampling
    sampling.seed &+= UInt64(choice % request.choices)
    sampler = sampling.sampler
    decoder = StreamingDecoder(words.tokenizer, skipSpecialTokens: true)
    stop = StopScanner(request.stopWords)
  }

  /// A token that was chosen, with what is told of it.
  struct Draw {
    var token: Int32
    var told: ToldToken?
  }

  /// Chooses the next token; nil where the logits choose none. Sequences may draw at the same time.
  ///
  /// - Parameter logits: `[1, vocabularySize]`.
  func draw(_ logits: Tensor) -> Draw? {
    guard holdsLogits(logits) else { return nil }
    let token = sampler.sample(logits, step: count)
    let told = ticket.request.toldTokens.map { top in
      words.told(logProbabilities(logits, of: [token], top: top)[0])
    }
    return Draw(token: token, told: told)
  }

  /// Takes a token on, and tells the text that is certain with it.
  ///
  /// - Returns: Whether there is another token to come.
  func accept(_ draw: Draw) -> Bool {
    if words.stopTokens.contains(draw.token), !ticket.request.ignoresEnd {
      finish(.stop)
      return false
    }
    token = draw.token
    count += 1
    if let told = draw.told { untold.append((made, told)) }
    let piece = decoder.append(draw.token)
    made += piece.utf8.count
    let (text, isStopped) = stop.append(piece)
    tell(text)
    if isStopped {
      end(.stop)
      return false
    }
    if count == ticket.request.maximumTokens || count == room {
      finish(.length)
      return false
    }
    return true
  }

  private func tell(_ text: String) {
    told += text.utf8.count
    let ready = untold.prefix { $0.start < told }
    if text.isEmpty && ready.isEmpty { return }
    untold.removeFirst(ready.count)
    ticket.tell(.text(choice: choice, text, ready.map(\.token)))
  }

  /// Tells what was held back.
  private func finish(_ ending: GenerationEvent.Ending) {
    let (text, isStopped) = stop.append(decoder.finish())
    let rest = isStopped ? text : text + stop.finish()
    if !rest.isEmpty || !untold.isEmpty {
      ticket.tell(.text(choice: choice, rest, untold.map(\.token)))
      untold = []
    }
    end(isStopped ? .stop : ending)
  }

  private func end(_ ending: GenerationEvent.Ending) {
    ticket.tell(.end(choice: choice, ending, tokens: count))
  }
}
