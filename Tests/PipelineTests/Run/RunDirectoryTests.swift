import Documents
import Foundation
import TestSupport
import Testing

@testable import Pipeline

@Suite struct RunDirectoryTests {
  private static let recipe: JSONValue = ["name": "x", "seed": 1, "output": "runs/x"]
  private static let inputs: JSONValue = ["teacher": "aa", "data": ["bb"]]

  private func open(
    _ path: String, recipe: JSONValue = recipe, inputs: JSONValue = inputs, resume: Bool = false
  ) throws -> RunDirectory {
    try RunDirectory(
      path, recipe: recipe, inputs: inputs, environment: ["version": "0"], resume: resume)
  }

  private func files(_ folder: String) throws -> [String: String] {
    var files: [String: String] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
      files[name] = FileManager.default.contents(atPath: "\(folder)/\(name)")
        .map { String(decoding: $0, as: UTF8.self) }
    }
    files[".lock"] = nil
    return files
  }

  @Test func `A fresh run writes its recipe, inputs and environment, and makes its folders`() throws
  {
    try withTemporaryFolder { folder in
      let path = folder + "/a/b/run"
      let run = try open(path)
      #expect(!run.isResumed)
      #expect(try DocumentFile(path + "/recipe.json").read() == Self.recipe)
      #expect(try DocumentFile(path + "/inputs.json").read() == Self.inputs)
      #expect(try DocumentFile(path + "/env.json").read() == ["version": "0"])
      #expect(try run.status() == nil)
      #expect(try run.checkpointsPath(stage: "evaluate") == path + "/checkpoints/evaluate")
      #expect(FileManager.default.fileExists(atPath: path + "/checkpoints/evaluate"))
      #expect(FileManager.default.fileExists(atPath: run.artefactsPath))
      #expect(try files(path).keys.allSatisfy { !$0.hasSuffix(".tmp") })
    }
  }

  @Test func `A folder that another run owns is refused with the owner's name and exit 74`() throws
  {
    try withTemporaryFolder { folder in
      let owner = try open(folder)
      let before = try files(folder)
      let error = #expect(throws: RunError.self) { try open(folder, resume: true) }
      #expect(error?.exitCode == .inputOutput)
      #expect(
        error?.description
          == "\(folder): in use by another run (\(RunLock.currentOwner)); wait for it to end or "
          + "choose another folder with --output")
      #expect(try files(folder) == before)
      withExtendedLifetime(owner) {}
    }
  }

  @Test func `A lock that a dead process left is taken over`() throws {
    try withTemporaryFolder { folder in
      try DocumentFile(folder + "/.lock").replace(with: "process 1 on nowhere, of a longer name")
      let run = try open(folder)
      let text = FileManager.default.contents(atPath: folder + "/.lock")
      #expect(text.map { String(decoding: $0, as: UTF8.self) } == RunLock.currentOwner)
      withExtendedLifetime(run) {}
    }
  }

  @Test func `A folder with a run is refused without --resume, and nothing in it changes`() throws {
    try withTemporaryFolder { folder in
      do {
        let run = try open(folder)
        try run.setStatus(RunStatus(state: .preempted, stage: "attention-transfer", step: 7))
      }
      let before = try files(folder)
      let error = #expect(throws: RunError.self) { try open(folder) }
      #expect(error?.exitCode == .usage)
      #expect(
        error?.description
          == "\(folder): already holds a run (preempted in attention-transfer, step 7); give "
          + "--resume to continue it, or choose another folder with --output. Nothing was changed")
      #expect(try files(folder) == before)
    }
  }

  @Test
  func `--resume continues the same recipe, also from a moved folder, and starts where none is`()
    throws
  {
    try withTemporaryFolder { folder in
      #expect(try open(folder + "/one", resume: true).isResumed == false)
      try FileManager.default.moveItem(atPath: folder + "/one", toPath: folder + "/two")
      var moved = Self.recipe.objectValue!
      moved["output"] = "two"
      let second = try open(folder + "/two", recipe: .object(moved), resume: true)
      #expect(second.isResumed)
      #expect(try DocumentFile(folder + "/two/recipe.json").read() == Self.recipe)
    }
  }

  @Test
  func `Resuming with a changed recipe, teacher or text lists what differs and exits with 78`()
    throws
  {
    try withTemporaryFolder { folder in
      _ = try open(folder)
      let before = try files(folder)
      let error = #expect(throws: RunError.self) {
        try open(
          folder, recipe: ["name": "x", "seed": 2, "output": "y", "student": 3],
          inputs: ["teacher": "ab", "data": ["bb"]], resume: true)
      }
      #expect(error?.exitCode == .recipe)
      #expect(
        error?.description == """
          \(folder): cannot resume, since this is not what the run was started with:
            $.seed: 1, now 2
            $.student: was missing, now 3
            inputs.teacher: "aa", now "ab"
          Undo the change, or choose another folder with --output
          """)
      #expect(try files(folder) == before)
    }
  }

  @Test func `Files with a run's names but without a recipe are left alone`() throws {
    try withTemporaryFolder { folder in
      try DocumentFile(folder + "/results.json").replace(with: "{}")
      try DocumentFile(folder + "/slurm-1.out").replace(with: "log")
      let error = #expect(throws: RunError.self) { try open(folder, resume: true) }
      #expect(error?.exitCode == .usage)
      #expect(error?.description.contains("holds results.json but no recipe.json") == true)
      try FileManager.default.removeItem(atPath: folder + "/results.json")
      #expect(try open(folder).isResumed == false)
    }
  }

  @Test func `A file in the folder's place, and a folder that cannot be made, exit with 74`() throws
  {
    try withTemporaryFolder { folder in
      try DocumentFile(folder + "/file").replace(with: "")
      for path in [folder + "/file", folder + "/file/run"] {
        let error = #expect(throws: RunError.self) { try open(path) }
        #expect(error?.exitCode == .inputOutput)
        #expect(error == .notAFolder(path: folder + "/file"))
      }
      let denied = #expect(throws: DocumentFile.Failure.self) { try open("/proc/run") }
      #expect(denied?.description.hasPrefix("/proc/run: cannot create the folder: ") == true)
    }
  }

  @Test func `A run killed while it wrote its first files starts anew`() throws {
    try withTemporaryFolder { folder in
      for name in ["checkpoints", "artefacts"] {
        try FileManager.default.createDirectory(
          atPath: "\(folder)/\(name)", withIntermediateDirectories: false)
      }
      let unique = UUID().uuidString
      try DocumentFile("\(folder)/recipe.json.\(unique)-47-0000.tmp").replace(with: "{")
      try DocumentFile(folder + "/notes.tmp").replace(with: "mine")
      try DocumentFile(folder + "/inputs.json").replace(with: "{}")
      try DocumentFile(folder + "/env.json").replace(with: "{}")
      #expect(try open(folder, resume: true).isResumed == false)
      #expect(try DocumentFile(folder + "/inputs.json").read() == Self.inputs)
      #expect(try files(folder).keys.filter { $0.contains("tmp") } == ["notes.tmp"])
    }
  }

  @Test func `What killed writers left in a run's folder is removed when it is taken again`() throws
  {
    try withTemporaryFolder { folder in
      _ = try open(folder).checkpointsPath(stage: "a")
      let before = Set(try files(folder).keys)
      let unique = UUID().uuidString
      for name in [
        "checkpoints/a/.tmp-\(unique)-LATEST", "artefacts/.tmp-\(unique)-01-a.h5",
        "junit.xml.\(unique)-47-0000.tmp",
      ] {
        try DocumentFile("\(folder)/\(name)").replace(with: "half")
      }
      _ = try open(folder, resume: true)
      #expect(Set(try files(folder).keys) == before)
    }
  }

  @Test func `A status is read back as it was written, from any process`() throws {
    try withTemporaryFolder { folder in
      let run = try open(folder)
      let status = RunStatus(
        state: .failed, stage: "evaluate", step: 3, message: "disk full", exitCode: 74)
      try run.setStatus(status)
      #expect(try run.status() == status)
      #expect(try RunDirectory.status(in: folder) == status)
      try DocumentFile(folder + "/status.json").replace(with: #"{"state": "sleeping"}"#)
      #expect(throws: DocumentError.self) { try run.status() }
    }
  }

  @Test func `Names of checkpoints sort as their steps do`() {
    #expect(RunDirectory.checkpointName(step: 50) == "step-00000050")
    let names = [0, 9, 10, 99_999_999].map(RunDirectory.checkpointName)
    #expect(names == names.sorted())
  }
}
