import Synchronization

/// A request between the connection that waits for it and the thread that works on it.
final class Ticket: Sendable {
  let request: GenerationRequest
  /// When it has to be done, in seconds of the server's clock.
  let deadline: Double
  let arrival: Double
  private let events: AsyncStream<GenerationEvent>.Continuation
  private let state = Atomic(State.open)
  private let watch = Mutex<Task<Void, any Error>?>(nil)

  private enum State: UInt8, AtomicRepresentable {
    case open
    /// Its client has gone.
    case cancelled
    /// Nothing more will come.
    case ended
  }

  init(
    _ request: GenerationRequest, arrival: Double, deadline: Double,
    events: AsyncStream<GenerationEvent>.Continuation
  ) {
    self.request = request
    self.arrival = arrival
    self.deadline = deadline
    self.events = events
  }

  /// Somebody waits for more.
  var isOpen: Bool { state.load(ordering: .acquiring) == .open }
  var isCancelled: Bool { state.load(ordering: .acquiring) == .cancelled }

  /// Keeps the task that looks whether the client is still there, for as long as something is to come.
  func keep(_ task: Task<Void, any Error>) {
    watch.withLock { $0 = task }
    if !isOpen { task.cancel() }
  }

  private func finish() {
    events.finish()
    watch.withLock { $0 }?.cancel()
  }

  func tell(_ event: GenerationEvent) { events.yield(event) }

  /// Nobody waits any more. Without effect on what has ended.
  func cancel() {
    let done = state.compareExchange(
      expected: .open, desired: .cancelled, ordering: .acquiringAndReleasing
    ).exchanged
    if done { finish() }
  }

  func end() {
    let done = state.compareExchange(
      expected: .open, desired: .ended, ordering: .acquiringAndReleasing
    ).exchanged
    if done { finish() }
  }

  func fail(_ error: RequestError) {
    tell(.failure(error))
    end()
  }
}
