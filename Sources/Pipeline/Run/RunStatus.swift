import Documents

/// Where a run is: the content of `status.json`.
public struct RunStatus: Sendable, Equatable {
  /// How a run stands.
  public enum State: String, CaseIterable, Sendable { case running, finished, failed, preempted }

  /// How the run stands.
  public var state: State
  /// Name of the stage in progress, or the last one.
  public var stage: String?
  /// Optimizer steps of that stage that are done.
  public var step: Int
  /// The error's message of a run that failed.
  public var message: String?
  /// The process's exit status, once it is known.
  public var exitCode: Int?

  /// A status; what is left out is not known yet.
  public init(
    state: State, stage: String? = nil, step: Int = 0, message: String? = nil, exitCode: Int? = nil
  ) {
    self.state = state
    self.stage = stage
    self.step = step
    self.message = message
    self.exitCode = exitCode
  }

  init(_ reader: DocumentReader) {
    state = reader.choice("state", "What became of the run.")
    stage = reader.optionalString("stage", "Stage in progress.")
    step = reader.integer("step", "Optimizer steps done.")
    message = reader.optionalString("message", "What happened last.")
    exitCode = reader.optionalInteger("exitCode", "Exit status.")
  }

  var document: JSONValue {
    [
      "state": .string(state.rawValue), "stage": stage.map { .string($0) } ?? .null,
      "step": .integer(step), "message": message.map { .string($0) } ?? .null,
      "exitCode": exitCode.map { .integer($0) } ?? .null,
    ]
  }

  /// Whether a folder holds a run that came to its end, whatever its thresholds said.
  ///
  /// - Throws: what reading its status throws.
  public static func isFinished(_ folder: String) throws -> Bool {
    let file = DocumentFile(folder + "/status.json")
    guard file.exists else { return false }
    return try DocumentReader.read(try file.read()) { RunStatus($0) }.state == .finished
  }
}
