import Foundation
import Testing

@testable import Pipeline

@Suite struct InterruptionTests {
  @Test func `A signal is seen at the next poll, with its name, and does not end the process`() {
    let interruption = Interruption.catchingSignals()
    #expect(!interruption.isRequested)
    #expect(interruption.signalName == nil)
    // To the process: threads that run tests block signals, as Dispatch's do.
    kill(getpid(), SIGUSR1)
    for _ in 0..<10_000 where !interruption.isRequested { usleep(100) }
    #expect(interruption.isRequested)
    #expect(interruption.signalName == "SIGUSR1")
    #expect(!Interruption.none.isRequested)
  }
}
