import FlyingFox
import FlyingSocks

/// Counts requests that were taken in and whose answers are not written yet.
final class OpenRequest: Sendable {
  private let onEnd: @Sendable () -> Void

  init(onEnd: @escaping @Sendable () -> Void) { self.onEnd = onEnd }

  deinit { onEnd() }
}

/// An answer that is there as a whole.
struct WholeBody: AsyncBufferedSequence {
  typealias Element = UInt8

  let bytes: [UInt8]
  /// The connection is closed behind the answer: what the client still sends is not read.
  let closes: Bool
  let request: OpenRequest

  struct ClosesConnection: Error {}

  struct AsyncIterator: AsyncBufferedIteratorProtocol {
    let body: WholeBody
    var isWritten = false

    mutating func next() async throws -> UInt8? {
      preconditionFailure("bodies are read in buffers")
    }

    mutating func nextBuffer(suggested count: Int) async throws -> [UInt8]? {
      if !isWritten {
        isWritten = true
        return body.bytes
      }
      if body.closes { throw ClosesConnection() }
      return nil
    }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body: self) }
}

/// An answer that is written as it is made. Who lets go of it cancels it.
struct EventBody: AsyncBufferedSequence {
  typealias Element = UInt8

  let ticket: Ticket
  let events: AsyncStream<GenerationEvent>
  let lines: EventLines
  let request: OpenRequest

  /// Cancels what nobody reads any more.
  final class Reader: Sendable {
    let ticket: Ticket
    init(_ ticket: Ticket) { self.ticket = ticket }
    deinit { ticket.cancel() }
  }

  struct AsyncIterator: AsyncBufferedIteratorProtocol {
    let reader: Reader
    let request: OpenRequest
    var events: AsyncStream<GenerationEvent>.AsyncIterator
    var lines: EventLines

    mutating func next() async throws -> UInt8? {
      preconditionFailure("bodies are read in buffers")
    }

    mutating func nextBuffer(suggested count: Int) async throws -> [UInt8]? {
      while let event = await events.next() {
        let bytes = lines.bytes(event)
        // An empty buffer would end the body.
        if !bytes.isEmpty { return bytes }
      }
      return nil
    }
  }

  func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(
      reader: Reader(ticket), request: request, events: events.makeAsyncIterator(), lines: lines)
  }
}
