import FlyingSocks
import Foundation

/// Waits for sockets, but not for ever: a client that sends nothing, or takes nothing, loses its
/// connection.
struct PatientPool: AsyncSocketPool {
  let base: any AsyncSocketPool
  let seconds: Double

  func prepare() async throws { try await base.prepare() }
  func run() async throws { try await base.run() }

  func suspendSocket(_ socket: Socket, untilReadyFor events: Socket.Events) async throws {
    guard isConnection(socket) else {
      return try await base.suspendSocket(socket, untilReadyFor: events)
    }
    try await withinSeconds(seconds) {
      try await base.suspendSocket(socket, untilReadyFor: events)
    }
  }

  /// The one socket that listens has no peer.
  private func isConnection(_ socket: Socket) -> Bool {
    do {
      _ = try socket.remotePeer()
      return true
    } catch {
      return false
    }
  }
}

/// Time is over.
struct TimeIsOver: Error {}

/// What `body` gives, if it does within a time; otherwise it is cancelled.
///
/// - Throws: what `body` throws, and `TimeIsOver`.
func withinSeconds<Result: Sendable>(
  _ seconds: Double, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
  try await withThrowingTaskGroup(of: Result.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
      throw TimeIsOver()
    }
    defer { group.cancelAll() }
    return try await group.next()!
  }
}
