import Transformers

/// A model that reads one context token by token, and can leave it and come back.
protocol ContextReader {
  /// Bytes of what it remembers.
  var stateBytes: Int { get }
  /// Reads tokens of the prompt.
  func read(_ tokens: [Int32])
  /// Reads one token and computes the logits of the next.
  func step(_ token: Int32)
  /// The same context, to be continued otherwise.
  func fork() -> any ContextReader
}

struct DecoderReader: ContextReader {
  private let session: DecodingSession

  init(_ decoder: Decoder) { session = DecodingSession(decoder) }
  private init(_ session: DecodingSession) { self.session = session }

  var stateBytes: Int { session.stateBytes }
  func read(_ tokens: [Int32]) { _ = session.advance(tokens, pieceLength: tokens.count) }
  func step(_ token: Int32) { _ = session.logits(after: [token]) }
  func fork() -> any ContextReader { DecoderReader(session.fork()) }
}

/// Seconds of reading on, foretold from what was read: the cost of a token is taken to grow
/// linearly with its position, as that of softmax attention does.
struct ReadingPace {
  private typealias Observation = (position: Double, secondsPerToken: Double)

  private var first: Observation?
  private var last: Observation?

  mutating func observe(_ tokens: Range<Int>, seconds: Double) {
    let observation = (
      position: Self.middle(tokens), secondsPerToken: seconds / Double(tokens.count)
    )
    first = first ?? observation
    last = observation
  }

  /// nil before anything was read.
  func seconds(for tokens: Range<Int>) -> Double? {
    guard let first, let last else { return nil }
    let distance = last.position - first.position
    let slope =
      distance > 0 ? max(0, (last.secondsPerToken - first.secondsPerToken) / distance) : 0
    let cost = last.secondsPerToken + slope * (Self.middle(tokens) - last.position)
    return cost * Double(tokens.count)
  }

  private static func middle(_ tokens: Range<Int>) -> Double {
    Double(tokens.lowerBound + tokens.upperBound) / 2
  }
}
