import Checkpoints
import Documents
import Foundation
import TensorCore

/// Everything that a stage's next step depends on.
struct TrainingState {
  let step: Int
  /// Schedule, best loss, position of the metrics.
  let document: JSONValue
  let tensors: [(String, Tensor)]
  private let index: [String: Int]
  private let location: String

  init(step: Int, document: JSONValue, tensors: [(String, Tensor)], location: String = "") {
    self.step = step
    self.document = document
    self.tensors = tensors
    self.location = location
    index = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.0, $0) })
  }

  /// Whether a signal came before the last step's validation was done.
  var isValidationPending: Bool { document[TrainingLoop.pendingValidation] == true }

  /// - Throws: `StateMismatch` when the checkpoint has no such tensor, or of another shape.
  func tensor(_ name: String, _ shape: Shape) throws -> Tensor {
    guard let position = index[name] else {
      throw StateMismatch(location: location, problem: "\(name) is missing, expected \(shape)")
    }
    let tensor = tensors[position].1
    guard tensor.shape == shape else {
      throw StateMismatch(
        location: location, problem: "\(name) has shape \(tensor.shape), expected \(shape)")
    }
    return tensor
  }
}

/// A checkpoint that verified but does not belong to this stage.
struct StateMismatch: ExitCoded, CustomStringConvertible {
  let location: String
  let problem: String

  var exitCode: ExitCode { .badData }
  var description: String {
    "\(location): \(problem). The checkpoint was made by another recipe; remove it to start the stage again"
  }
}

/// A stage that saved checkpoints, of which none is left.
struct LostCheckpoints: ExitCoded, CustomStringConvertible {
  let stage: String
  /// Up to which the run's status says that it had come.
  let step: Int
  let folder: String

  var exitCode: ExitCode { .badData }
  var description: String {
    "\(folder): holds no checkpoint, but status.json says that \(stage) was saved after step "
      + "\(step); bring its checkpoints back, or remove status.json as well to start the stage again"
  }
}

/// The checkpoints of one stage, `step-00000050/{state.h5, MANIFEST.json}`, the last two kept.
final class StageCheckpoints {
  private static let stateFile = "state.h5"

  let folder: String
  private let log: (String) -> Void
  private(set) var lastSaved: String?

  init(folder: String, log: @escaping (String) -> Void) {
    self.folder = folder
    self.log = log
  }

  /// - Throws: `PublicationError`, `HDF5Error`; what was saved before stays.
  func save(_ state: TrainingState) throws {
    let name = RunDirectory.checkpointName(step: state.step)
    try AtomicDirectory.publish(
      parent: folder, name: name, manifest: state.document.objectValue!,
      write: { folder in
        let file = try HDF5File.create("\(folder)/\(Self.stateFile)")
        try file.attributes.set("state", to: .string(state.document.compact))
        for (name, tensor) in state.tensors { _ = try file.write(name, tensor) }
        try file.close()
      },
      verify: { folder in
        let file = try HDF5File.open("\(folder)/\(Self.stateFile)", isTrusted: true)
        for (name, tensor) in state.tensors {
          guard try file.holds(tensor, at: name) else {
            throw StateMismatch(location: folder, problem: "\(name) reads back otherwise")
          }
        }
      })
    lastSaved = "\(folder)/\(name)"
    try AtomicDirectory.prune(in: folder, keeping: 2)
  }

  /// The newest checkpoint that verifies; broken newer ones are told of and passed over.
  ///
  /// - Throws: `PublicationError` when there are checkpoints and none verifies.
  func latest() throws -> TrainingState? {
    guard let found = try AtomicDirectory.latest(in: folder) else { return nil }
    for skipped in found.skipped {
      log("warning: a checkpoint in \(folder) is passed over: \(skipped)")
    }
    lastSaved = found.path
    let path = "\(found.path)/\(Self.stateFile)"
    let file = try HDF5File.open(path, isTrusted: true)
    guard let step = found.manifest["step"]?.intValue else {
      throw StateMismatch(location: found.path, problem: "the manifest names no step")
    }
    return TrainingState(
      step: step, document: found.manifest,
      tensors: try file.names.map { ($0, try file.tensor($0)) }, location: path)
  }

  /// Where the metrics stood when the newest checkpoint was made.
  func metricsPosition() throws -> Int? {
    try AtomicDirectory.latest(in: folder)?.manifest["metricsPosition"]?.intValue
  }
}
