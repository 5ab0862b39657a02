import FlyingFox
import FlyingSocks
import Foundation
import Models
import Synchronization

/// Serves a model over HTTP as OpenAI's API has it: many requests at once, all advanced together by one
/// thread that owns the model.
public final class ModelServer: Sendable {
  private let address: ListeningAddress
  private let front: HTTPFront
  private let service: Service
  private let queue: TicketQueue
  private let limits: ServingLimits
  private let server = Mutex<HTTPServer?>(nil)
  private let failure = Mutex<ServingError?>(nil)
  private let listens = Atomic(false)

  /// - Parameters:
  ///   - model: from now on the server's alone.
  ///   - name: what clients call it.
  ///   - token: what clients have to know; needed where others can reach the address.
  /// - Throws: `ServingError.unguarded`, and `ModelError` for an encoder or a model without a tokenizer.
  public init(
    _ model: sending LoadedModel, name: String, at address: ListeningAddress, token: AccessToken?,
    limits: ServingLimits = ServingLimits()
  ) throws {
    guard address.isLoopback || token != nil else {
      throw ServingError.unguarded(host: address.host)
    }
    try model.requireDecoder(for: "serving")
    let words = try Vocabulary(model)
    let metrics = Metrics()
    let queue = TicketQueue(limit: limits.sequences + limits.waiting)
    let clock: @Sendable () -> Double = { ProcessInfo.processInfo.systemUptime }
    self.address = address
    self.limits = limits
    self.queue = queue
    service = try Service(
      model, name: name, words: words, limits: limits, queue: queue, metrics: metrics, clock: clock)
    front = HTTPFront(service, token: token)
    let loop = OwnedLoop(
      GenerationLoop(
        model, words: words, limits: limits, queue: queue, metrics: metrics, clock: clock))
    let thread = Thread { loop.value.run() }
    thread.stackSize = 16 << 20
    thread.name = "generation"
    thread.start()
  }

  /// `@unchecked Sendable`: made by one thread and handed to another, which alone uses it from then on.
  private struct OwnedLoop: @unchecked Sendable {
    let value: GenerationLoop
    init(_ value: GenerationLoop) { self.value = value }
  }

  /// Listens, until `stop`.
  ///
  /// - Returns: Where, with the port that the system has chosen if none was given.
  /// - Throws: `ServingError.listening`.
  public func start() async throws -> ListeningAddress {
    let http = HTTPServer(
      config: .init(
        address: try address.socketAddress, timeout: 86_400, sharedRequestBufferSize: 256,
        sharedRequestReplaySize: 0,
        pool: PatientPool(base: HTTPServer.defaultPool(), seconds: limits.idleSeconds),
        logger: .disabled),
      handler: front)
    server.withLock { $0 = http }
    Task { [self] in
      do {
        try await http.run()
      } catch {
        let reason = Self.reason(error)
        let (place, hasListened) = (address.description, listens.load(ordering: .acquiring))
        failure.withLock {
          $0 = hasListened ? .cut(place, reason: reason) : .listening(place, reason: reason)
        }
      }
    }
    while true {
      if let failed { throw failed }
      if let bound = await http.listeningAddress {
        var known = address
        switch bound {
        case .ip4(_, let port), .ip6(_, let port): known.port = port
        case .unix: break
        }
        front.listens(at: known.port)
        listens.store(true, ordering: .releasing)
        return known
      }
      try await Task.sleep(nanoseconds: 5_000_000)
    }
  }

  private static func reason(_ error: any Error) -> String {
    if case SocketError.failed(_, _, let message) = error { return message.lowercased() }
    return "\(error)"
  }

  /// Why nobody is answered any more; nil while all is well.
  public var failed: ServingError? { failure.withLock { $0 } }

  /// Takes no more requests, and lets those that are under way end; then ends.
  ///
  /// - Parameter seconds: after so many what is under way is cut.
  /// - Returns: Whether all answers were written.
  public func stop(within seconds: Double) async -> Bool {
    service.stop()
    let end = service.clock() + seconds
    while front.openRequests > 0, service.clock() < end { await pause() }
    let isWhole = front.openRequests == 0
    for ticket in queue.close() { ticket.fail(.stopping) }
    // What was cut is still told so.
    let last = service.clock() + 2
    while front.openRequests > 0, service.clock() < last { await pause() }
    await server.withLock { $0 }?.stop(timeout: 0)
    return isWhole
  }

  private func pause() async {
    do { try await Task.sleep(nanoseconds: 10_000_000) } catch { return }
  }
}
