import Checkpoints
import Documents
import Foundation
import TensorCore
import Transformers

extension LoadedModel {
  /// The student of a run as it was after a step of a stage, of which there has to be a checkpoint.
  ///
  /// - Parameters:
  ///   - run: the run's folder.
  ///   - stage: its `id`; nil where one stage alone has a checkpoint of that step.
  ///   - teacher: where the teacher lies now, if not where it did.
  /// - Throws: as `open`; `ModelError` when there is no such checkpoint.
  public static func open(
    checkpointOf run: String, step: Int, stage: String?, teacher: String? = nil
  ) throws -> LoadedModel {
    let checkpoint = try RunCheckpoint(run, step: step, stage: stage)
    return try open(
      try checkpoint.student(teacher: teacher), at: checkpoint.path,
      teacher: teacher ?? checkpoint.teacher)
  }
}

/// What a stage had made of a student when it saved a step: `checkpoints/ID/step-00000050`, on what the
/// stages before it left.
private struct RunCheckpoint {
  let path: String
  let teacher: String
  private let run: String
  private let stage: String
  private let step: Int
  private let recipe: JSONValue

  private static let stateFile = "state.h5"
  /// Of the checkpoint's tensors, those that are no parameters.
  private static let otherPrefixes = ["optimizer/", "best/"]

  init(_ run: String, step: Int, stage: String?) throws {
    let folder = "\(run)/checkpoints"
    guard FilePath.isFolder(folder), DocumentFile("\(run)/recipe.json").exists else {
      throw Self.error(
        run, found: "no checkpoints and recipe", expected: "the folder of a run", .missingInput)
    }
    recipe = try DocumentFile("\(run)/recipe.json").read()
    let digits = String(step)
    let name = "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    let stages = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    let having = stages.filter {
      FilePath.isFolder("\(folder)/\($0)/\(name)") && (stage == nil || stage == $0)
    }
    guard let found = having.first else {
      throw Self.error(
        run, found: "no checkpoint of step \(step)\(stage.map { " of \($0)" } ?? "")",
        expected: try Self.listed(folder, stages), .missingInput)
    }
    guard having.count == 1 else {
      throw Self.error(
        run, found: "a checkpoint of step \(step) of \(having.joined(separator: " and of "))",
        expected: "one of them as --stage", .usage)
    }
    self.run = run
    self.stage = found
    self.step = step
    path = "\(folder)/\(found)/\(name)"
    teacher = recipe["teacher"]?["path"]?.stringValue ?? ""
    _ = try AtomicDirectory.verified(path)
  }

  private static func listed(_ folder: String, _ stages: [String]) throws -> String {
    let steps = try stages.flatMap { stage in
      try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(stage)").sorted()
        .compactMap { name in
          name.hasPrefix("step-") ? Int(name.dropFirst(5)).map { "\(stage) \($0)" } : nil
        }
    }
    return steps.isEmpty ? "none, for there are none" : steps.joined(separator: ", ")
  }

  private static func error(
    _ run: String, found: String, expected: String, _ code: ExitCode
  ) -> CheckpointError {
    CheckpointError(run, "", found: found, expected: expected, exitCode: code)
  }

  /// The artefact that the stage would have left had it ended with this step.
  ///
  /// - Parameter teacher: where it lies now.
  func student(teacher path: String?) throws -> StudentArtefact {
    guard !(recipe["student"] ?? .null).isNull else {
      throw Self.error(
        run, found: "a recipe without a student", expected: "a stage that trains one", .usage)
    }
    let trained = try parameters()
    let stages = recipe["stages"]?.arrayValue ?? []
    let position = stages.firstIndex { ($0["id"] ?? $0["stage"])?.stringValue == stage }
    let earlier = try position.flatMap { position in
      try RunArtefacts(run)?.student(before: position + 1)
    }
    let before = try earlier.map(StudentArtefact.read)
    var artefact = StudentArtefact(
      student: before?.student ?? recipe["student"] ?? .null,
      seed: UInt64(recipe["seed"]?.intValue ?? 0), teacherPath: path ?? teacher,
      teacherDigest: "", adapters: before?.adapters, stage: "\(stage), step \(step)",
      program: "linearize \(EnvironmentReport.version)", recipe: recipe, tensors: [])
    let specification = position.map { stages[$0] } ?? .null
    if let found = Self.adapters(of: trained, specification) { artefact.adapters = found }
    artefact.adapterPath = recipe["teacher"]?["adapter"]?.stringValue
    let source = try ModelSource.openTeacher(
      artefact.teacherPath, adapter: artefact.adapterPath)
    artefact.teacherDigest = try source.contentDigest()
    artefact.teacherFiles = StudentArtefact.files(of: source)
    // What neither trained is as it was drawn.
    let decoder = try Decoder(
      configuration: source.configuration, tensors: source.tensors, location: artefact.teacherPath)
    try artefact.makeMixers(on: decoder, location: run)
    let values = StudentArtefact.tensors(of: decoder) + (before?.tensors ?? []) + trained
    var byName: [String: Tensor] = [:]
    for (name, tensor) in values { byName[name] = tensor }
    artefact.tensors = byName.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    return artefact
  }

  private func parameters() throws -> [(name: String, tensor: Tensor)] {
    let file = try HDF5File.open("\(path)/\(Self.stateFile)", isTrusted: true)
    return try file.names.filter { name in
      !Self.otherPrefixes.contains { name.hasPrefix($0) }
    }.map { ($0, try file.tensor($0)) }
  }

  /// Low-rank updates that the stage trains; nil for none.
  private static func adapters(
    of tensors: [(name: String, tensor: Tensor)], _ stage: JSONValue
  ) -> StudentArtefact.Adapters? {
    let suffix = ".lora_A.weight"
    let updates = tensors.filter { $0.name.hasSuffix(suffix) }
    guard let rank = updates.first?.tensor.shape[0] else { return nil }
    let targets = AttentionProjection.allCases.filter { role in
      updates.contains { $0.name.hasSuffix(".\(role.checkpointName)\(suffix)") }
    }
    return StudentArtefact.Adapters(
      rank: rank, alpha: stage["alpha"]?.doubleValue ?? 16, targets: targets)
  }
}
