import Documents
import Foundation
import TestSupport
import Testing

@testable import Pipeline

@Suite struct RunSupervisionTests {
  private func withRun(_ body: (RunDirectory) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try body(
        RunDirectory(folder, recipe: [:], inputs: [:], environment: [:], resume: false))
    }
  }

  @Test func `A run that ends leaves its last stage, its step and its exit status`() throws {
    try withRun { run in
      let code = try run.supervise {
        #expect(try run.status() == RunStatus(state: .running))
        try run.setStatus(RunStatus(state: .running, stage: "evaluate", step: 4))
        return .thresholdMissed
      }
      #expect(code == .thresholdMissed)
      let status = try run.status()
      #expect(
        status
          == RunStatus(state: .finished, stage: "evaluate", step: 4, exitCode: 1))
    }
  }

  @Test func `A preempted run says where it saved and that it can be resumed`() throws {
    try withRun { run in
      let error = #expect(throws: Preempted.self) {
        try run.supervise {
          throw Preempted(stage: "attention-transfer", step: 12, signalName: "SIGTERM")
        }
      }
      #expect(error?.exitCode == .preempted)
      let status = try run.status()
      #expect(
        status
          == RunStatus(
            state: .preempted, stage: "attention-transfer", step: 12,
            message: "SIGTERM: saved in attention-transfer after step 12; the same command with "
              + "--resume continues", exitCode: 75))
    }
  }

  @Test func `A failed run keeps the message and the exit status of its error`() throws {
    try withRun { run in
      let failure = DocumentFile.Failure(path: "x.h5", operation: "write it", errorNumber: ENOSPC)
      #expect(throws: failure) {
        try run.supervise {
          try run.setStatus(RunStatus(state: .running, stage: "low-rank-adaptation", step: 3))
          throw failure
        }
      }
      let status = try run.status()
      #expect(
        status
          == RunStatus(
            state: .failed, stage: "low-rank-adaptation", step: 3,
            message: "x.h5: cannot write it: No space left on device", exitCode: 74))
    }
  }

  @Test func `A failure that cannot be recorded is reported with its own exit status`() throws {
    try withRun { run in
      let error = #expect(throws: UnrecordedFailure.self) {
        try run.supervise {
          try FileManager.default.removeItem(atPath: run.path)
          throw Preempted(stage: "evaluate", step: 1, signalName: "SIGUSR1")
        }
      }
      #expect(error?.exitCode == .preempted)
      #expect(error?.description.contains("The status was not written either: ") == true)
    }
  }
}
