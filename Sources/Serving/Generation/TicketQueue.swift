import Foundation

/// Hands tickets from connections to the thread that works on them, and counts what is under way.
///
/// `@unchecked Sendable`: everything in it is touched between `lock` and `unlock` alone.
final class TicketQueue: @unchecked Sendable {
  private let condition = NSCondition()
  private let limit: Int
  private var arrived: [Ticket] = []
  /// Sequences that were handed in and not given back.
  private var sequences = 0
  private var isClosed = false

  /// - Parameter limit: sequences under way and waiting, together.
  init(limit: Int) { self.limit = limit }

  /// - Throws: 429 where there is no room.
  func hand(in ticket: Ticket) throws(RequestError) {
    condition.lock()
    defer { condition.unlock() }
    if isClosed { throw .stopping }
    let count = ticket.request.sequences
    guard sequences + count <= limit else {
      throw RequestError(
        429, "rate_limit_exceeded",
        "\(sequences) of \(limit) sequences are under way, too many to take \(count) more; try again "
          + "later")
    }
    sequences += count
    arrived.append(ticket)
    condition.signal()
  }

  /// What has come since the last call.
  ///
  /// - Parameter waits: until something has come.
  /// - Returns: nil once the queue is closed.
  func take(waits: Bool) -> [Ticket]? {
    condition.lock()
    defer { condition.unlock() }
    while waits, arrived.isEmpty, !isClosed { condition.wait() }
    if isClosed { return nil }
    defer { arrived = [] }
    return arrived
  }

  func giveBack(_ count: Int) {
    condition.lock()
    sequences -= count
    condition.unlock()
  }

  /// Nothing is taken in or handed out any more.
  ///
  /// - Returns: What was not taken yet.
  func close() -> [Ticket] {
    condition.lock()
    defer { condition.unlock() }
    isClosed = true
    condition.signal()
    defer { arrived = [] }
    return arrived
  }
}

extension RequestError {
  static let stopping = RequestError(
    503, "stopping", "the server is stopping and takes no more requests; ask another one")
}
