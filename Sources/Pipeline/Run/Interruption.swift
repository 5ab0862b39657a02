import Foundation
import Synchronization

/// The number of the signal that asks this process to save and stop; 0 while there is none.
/// Process-wide, because signal handlers are.
private let pendingSignal = Atomic<Int32>(0)

/// A signal that was noticed within work which leaves no trace until it is done.
struct StopRequest: Error {
  let signalName: String
}

/// Tells a training loop, between two steps and within them, whether it was asked to save and stop.
///
/// Slurm sends SIGTERM before it kills, and SIGUSR1 when asked to with `--signal`; a terminal that
/// closes sends SIGHUP, a limit of processor time SIGXCPU. All mean the same here, as does Ctrl-C.
/// A second signal ends the process at once: what was published before stays valid.
public struct Interruption: Sendable {
  private let poll: @Sendable () -> Int32

  /// - Parameter poll: The pending signal's number, or 0.
  public init(_ poll: @escaping @Sendable () -> Int32) { self.poll = poll }

  /// Never interrupted.
  public static let none = Interruption { 0 }

  /// Catches SIGTERM, SIGUSR1, SIGINT, SIGXCPU and, unless `nohup` has it ignored, SIGHUP from
  /// now on.
  public static func catchingSignals() -> Interruption {
    // The first access initialises the global, which a handler must not do.
    _ = pendingSignal.load(ordering: .relaxed)
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      let (first, _) = pendingSignal.compareExchange(
        expected: 0, desired: number, ordering: .sequentiallyConsistent)
      if !first { _exit(128 + number) }
    }
    sigemptyset(&action.sa_mask)
    // System calls go on after the handler, so that a save is not torn by the signal that asks
    // for it.
    action.sa_flags = SA_RESTART
    var caught = sigset_t()
    sigemptyset(&caught)
    for number in [SIGTERM, SIGUSR1, SIGINT, SIGXCPU, SIGHUP] {
      if number == SIGHUP, isIgnored(number) { continue }
      sigaction(number, &action, nil)
      sigaddset(&caught, number)
    }
    // Whoever started this process may have left them blocked; they would wait for ever.
    pthread_sigmask(SIG_UNBLOCK, &caught, nil)
    return Interruption { pendingSignal.load(ordering: .sequentiallyConsistent) }
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var present = sigaction()
    sigaction(number, nil, &present)
    return unsafeBitCast(present.__sigaction_handler.sa_handler, to: Int.self)
      == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// Whether a signal asked the process to save and stop.
  public var isRequested: Bool { poll() != 0 }

  /// - Throws: `StopRequest` once a signal asked the process to save and stop.
  func check() throws {
    if let signalName { throw StopRequest(signalName: signalName) }
  }

  /// `SIGTERM`; `nil` while nothing was asked.
  public var signalName: String? {
    switch poll() {
    case 0: nil
    case SIGTERM: "SIGTERM"
    case SIGUSR1: "SIGUSR1"
    case SIGINT: "SIGINT"
    case SIGXCPU: "SIGXCPU"
    case SIGHUP: "SIGHUP"
    case let number: "signal \(number)"
    }
  }
}
