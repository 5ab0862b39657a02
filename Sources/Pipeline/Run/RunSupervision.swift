import Documents

/// A run that saved and stopped because a signal asked it to.
public struct Preempted: ExitCoded, Equatable, CustomStringConvertible {
  /// The stage that was interrupted.
  public let stage: String
  /// Optimizer steps done and saved.
  public let step: Int
  /// The signal, such as `SIGTERM`.
  public let signalName: String

  /// A stop after so many steps.
  public init(stage: String, step: Int, signalName: String) {
    self.stage = stage
    self.step = step
    self.signalName = signalName
  }

  public var exitCode: ExitCode { .preempted }
  public var description: String {
    "\(signalName): saved in \(stage) after step \(step); the same command with --resume continues"
  }
}

/// A run that failed, and whose `status.json` could not say so.
public struct UnrecordedFailure: ExitCoded, CustomStringConvertible {
  /// What ended the run.
  public let failure: any Error
  /// Why `status.json` could not be written.
  public let statusFailure: any Error

  public var exitCode: ExitCode { (failure as? any ExitCoded)?.exitCode ?? .internalError }
  public var description: String {
    "\(failure)\nThe status was not written either: \(statusFailure)"
  }
}

extension RunDirectory {
  /// Runs the stages and keeps `status.json` true to what becomes of them.
  ///
  /// - Parameter body: Runs the stages, calling `setStatus` as it goes; returns the exit status of
  ///   a run that went to its end: success, or a missed threshold.
  /// - Throws: What the body throws.
  public func supervise(_ body: () throws -> ExitCode) throws -> ExitCode {
    let before = try status()
    try setStatus(RunStatus(state: .running, stage: before?.stage, step: before?.step ?? 0))
    do {
      let code = try body()
      let last = try status()
      try setStatus(
        RunStatus(
          state: .finished, stage: last?.stage, step: last?.step ?? 0,
          exitCode: Int(code.rawValue)))
      return code
    } catch {
      try record(error)
      throw error
    }
  }

  private func record(_ error: any Error) throws {
    let code =
      (error as? any ExitCoded)?.exitCode ?? SystemFailure(error)?.exitCode ?? .internalError
    do {
      let last = try status()
      let preempted = error as? Preempted
      try setStatus(
        RunStatus(
          state: preempted == nil ? .failed : .preempted, stage: preempted?.stage ?? last?.stage,
          step: preempted?.step ?? last?.step ?? 0, message: "\(error)",
          exitCode: Int(code.rawValue)))
    } catch let statusFailure {
      throw UnrecordedFailure(failure: error, statusFailure: statusFailure)
    }
  }
}
