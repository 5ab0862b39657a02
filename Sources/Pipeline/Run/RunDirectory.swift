import Checkpoints
import Documents
import Foundation

/// The folder of one run, owned by this process as long as the value lives.
///
///     recipe.json     the resolved recipe: every default spelled, so it can be run again
///     inputs.json     hashes of teacher and data
///     env.json        machine, libraries, program version
///     status.json     running, finished, failed or preempted; replaced atomically
///     metrics.jsonl   a line a step, without clock values: a resumed run writes the same bytes
///     timings.jsonl   wall clock, tokens/s, memory
///     tensorboard/ID/events.out.tfevents.*   both, for `tensorboard --logdir`
///     checkpoints/ID/step-00000050/
///     artefacts/01-ID.h5   numbered as the recipe's stages are
///     evaluations/ID/results.json, report.md   of evaluate stages before the last stage
///     results.json, report.md
public final class RunDirectory: Sendable {
  /// The folder.
  public let path: String
  /// True when the folder held this run before, so that checkpoints are to be looked for.
  public let isResumed: Bool
  /// What a resumed run has to say of versions that are not those it was begun with.
  public let notes: [String]
  private let lock: RunLock

  /// What a run has from its birth on; `inputs.json` and `env.json` come before it.
  private static let ownNames = [
    "status.json", "metrics.jsonl", "timings.jsonl", "checkpoints",
    "artefacts", "results.json", "report.md", "tensorboard", "evaluations",
  ]

  /// Takes the folder for a run, making it when it is not there.
  ///
  /// - Parameters:
  ///   - recipe: The resolved recipe.
  ///   - inputs: Hashes of teacher and data; a resumed run must have the same.
  ///   - resume: Continue the folder's run. Without a run in it, one is started, so that the same
  ///     command can be queued again and again.
  ///   - resolve: spells a recipe of the folder as this version of the program does.
  /// - Throws: `RunError`, `DocumentFile.Failure`, `DocumentFile.Malformed`.
  public init(
    _ path: String, recipe: JSONValue, inputs: JSONValue, environment: JSONValue, resume: Bool,
    resolve: (JSONValue) -> JSONValue = { $0 }
  ) throws {
    self.path = path
    try Self.createFolder(path)
    lock = try RunLock(folder: path)
    let recipeFile = DocumentFile(path + "/recipe.json")
    isResumed = recipeFile.exists
    if isResumed {
      guard resume else {
        throw RunError.occupied(path: path, state: Self.storedState(path))
      }
      try Self.requireSame(path, recipe: recipe, inputs: inputs, resolve: resolve)
    } else {
      let foreign = try Self.ownNames.filter { try Self.holdsSomething("\(path)/\($0)") }
      if !foreign.isEmpty { throw RunError.foreignFiles(path: path, names: foreign) }
    }
    notes = isResumed ? try RunVersions.notes(path, environment: environment) : []
    // The lock says that nobody writes here now.
    try Leftovers.remove(below: path)
    try DocumentFile(path + "/env.json").replace(with: environment.pretty)
    if !isResumed {
      try DocumentFile(path + "/inputs.json").replace(with: inputs.pretty)
      // With this the run is born: killed before, it left nothing that a new one would not write.
      try recipeFile.replace(with: recipe.pretty)
    }
    try Self.createFolder(checkpointsPath)
    try Self.createFolder(artefactsPath)
  }

  // MARK: Places

  /// Folder of all stages' checkpoints.
  public var checkpointsPath: String { path + "/checkpoints" }
  /// Folder of the artefacts that stages leave.
  public var artefactsPath: String { path + "/artefacts" }
  /// Made with the first evaluation before the last stage.
  public var evaluationsPath: String { path + "/evaluations" }
  /// The log of losses, a line a step.
  public var metricsPath: String { path + "/metrics.jsonl" }
  /// The log of times, a line a step.
  public var timingsPath: String { path + "/timings.jsonl" }
  /// Made with the first scalars, a folder a stage.
  public var tensorBoardPath: String { path + "/tensorboard" }
  /// What the last evaluation measured.
  public var resultsPath: String { path + "/results.json" }
  /// The same for people, as Markdown.
  public var reportPath: String { path + "/report.md" }

  /// Folder of a stage's checkpoints, made when it is not there.
  public func checkpointsPath(stage: String) throws -> String {
    let folder = "\(checkpointsPath)/\(stage)"
    try Self.createFolder(folder)
    return folder
  }

  /// `step-00000050`: names sort as steps do.
  public static func checkpointName(step: Int) -> String {
    let digits = String(step)
    return "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }

  // MARK: Status

  /// - Throws: `DocumentFile.Failure`.
  public func setStatus(_ status: RunStatus) throws {
    try DocumentFile(path + "/status.json").replace(with: status.document.pretty)
  }

  /// - Returns: `nil` when no status was written yet.
  /// - Throws: `DocumentFile.Failure`, `DocumentFile.Malformed`, `DocumentError`.
  public func status() throws -> RunStatus? { try Self.status(in: path) }

  /// Of any folder, also one that another process owns.
  public static func status(in path: String) throws -> RunStatus? {
    let file = DocumentFile(path + "/status.json")
    return file.exists ? try DocumentReader.read(try file.read(), RunStatus.init) : nil
  }

  // MARK: Opening

  private static func storedState(_ path: String) -> String {
    do {
      guard let status = try status(in: path) else { return "not begun" }
      let place = status.stage.map { " in \($0), step \(status.step)" } ?? ""
      return status.state.rawValue + place
    } catch {
      return "its status cannot be read"
    }
  }

  private static func requireSame(
    _ path: String, recipe: JSONValue, inputs: JSONValue, resolve: (JSONValue) -> JSONValue
  ) throws {
    var stored = resolve(try DocumentFile(path + "/recipe.json").read())
    var given = recipe
    // A folder may be moved between two parts of its run.
    stored.removeMember("output")
    given.removeMember("output")
    let storedInputs = try DocumentFile(path + "/inputs.json").read()
    var inputs = inputs
    if storedInputs[RunInputs.teacherFiles] == nil { inputs.removeMember(RunInputs.teacherFiles) }
    if storedInputs["numerics"]?[RunInputs.openblasVersion] == nil, var object = inputs.objectValue
    {
      object["numerics"]?.removeMember(RunInputs.openblasVersion)
      inputs = .object(object)
    }
    let differences =
      given.differences(from: stored)
      + inputs.differences(from: storedInputs, at: "inputs")
    if !differences.isEmpty { throw RunError.changed(path: path, differences: differences) }
  }

  /// Whether there is more than an empty folder.
  private static func holdsSomething(_ path: String) throws -> Bool {
    guard FileManager.default.fileExists(atPath: path) else { return false }
    if !FilePath.isFolder(path) { return true }
    return try !FileManager.default.contentsOfDirectory(atPath: path).isEmpty
  }

  /// Makes a folder and those above it, where they are missing, and their names durable.
  ///
  /// - Throws: `RunError.notAFolder`, `DocumentFile.Failure`.
  static func createFolder(_ path: String) throws {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
      if !isFolder.boolValue { throw RunError.notAFolder(path: path) }
      return
    }
    let parent = FilePath.folder(of: path)
    try createFolder(parent)
    // Another process may make it between the look and this.
    if mkdir(path, 0o755) != 0, errno != EEXIST {
      throw DocumentFile.Failure(path: path, operation: "create the folder", errorNumber: errno)
    }
    try DocumentFile.synchronizeFolder(parent)
  }
}

extension JSONValue {
  fileprivate mutating func removeMember(_ key: String) {
    guard var object = objectValue else { return }
    object[key] = nil
    self = .object(object)
  }
}
