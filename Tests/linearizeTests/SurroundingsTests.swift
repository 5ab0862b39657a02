import Documents
import Foundation
import TestSupport
import Testing

/// The built program started where something is missing, forbidden or in its way.
@Suite struct SurroundingsTests {
  @Test(arguments: ["exec >&-", "exec 2>&-", "exec <&- >&- 2>&-"])
  func `A closed descriptor gets nothing of the run's files, and the files nothing of its lines`(
    closing: String
  ) throws {
    try withTemporaryFolder { folder in
      try TinyRecipe.write(to: folder)
      let result = try Program.run(["--recipe", "recipe.json"], in: folder, shell: closing)
      #expect(result.status == 0)
      #expect(
        try Program.run(["--recipe", "recipe.json", "--output", "open"], in: folder).status == 0)
      let log = FileManager.default.contents(atPath: folder + "/run/metrics.jsonl")
      #expect(
        log != nil && log == FileManager.default.contents(atPath: folder + "/open/metrics.jsonl"))
    }
  }

  @Test(arguments: ["100000", "0", "-1", "two"]) func `A wrong number of threads is 64`(
    threads: String
  ) throws {
    try withTemporaryFolder { folder in
      let result = try Program.run(
        ["env"], in: folder, environment: ["LINEARIZE_THREADS": threads])
      #expect(result.status == 64)
      #expect(
        result.errors.hasPrefix(
          "error: LINEARIZE_THREADS is \"\(threads)\", expected a whole number from 1 to "))
    }
  }

  @Test func `Too small an address space is said, not waited in`() throws {
    try withTemporaryFolder { folder in
      let result = try Program.run(
        ["inspect", Program.teacher], in: folder, shell: "ulimit -v 200000")
      #expect(result.status == 70)
      #expect(result.errors.hasPrefix("error: the address space of this process is limited to 195"))
    }
  }

  @Test func `A file at its limit is an error of the write, after which the run goes on`() throws {
    try withTemporaryFolder { folder in
      try TinyRecipe.write(to: folder)
      // Blocks of 512 bytes.
      let limited = try Program.run(["--recipe", "recipe.json"], in: folder, shell: "ulimit -f 2")
      #expect(limited.status == 74)
      #expect(limited.errors.contains("File too large"), "\(limited.errors)")
      let resumed = try Program.run(["--recipe", "recipe.json", "--resume"], in: folder)
      #expect(resumed.status == 0, "\(resumed.errors)")
    }
  }

  @Test func `What tells the job is recorded, what is secret is not`() throws {
    try withTemporaryFolder { folder in
      let result = try Program.run(
        ["env", "--json"], in: folder,
        environment: ["SLURM_JOB_ID": "4711", "SLURM_JWT": "eyJhbGciOi"])
      #expect(result.output.contains("4711"))
      #expect(!result.output.contains("eyJhbGciOi"))
      #expect(!result.output.contains("SLURM_JWT"))
    }
  }

  @Test(arguments: ["json", "binidx"]) func `A text is not written over by its own tokens`(
    format: String
  ) throws {
    try withTemporaryFolder { folder in
      let name = format == "json" ? "text" : "text.bin"
      try DocumentFile("\(folder)/\(name)").replace(with: TinyRecipe.text)
      try FileManager.default.createSymbolicLink(
        atPath: folder + "/link.bin", withDestinationPath: name)
      let result = try Program.run(
        [
          "tokenize", "--model", Program.teacher, "--text", name, "--format", format, "--output",
          "link.bin",
        ], in: folder)
      #expect(result.status == 64)
      #expect(result.errors.contains("link.bin: is read and would be written over"))
      #expect(try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8) == TinyRecipe.text)
    }
  }

  @Test func `A pipe is not replaced by a file`() throws {
    try withTemporaryFolder { folder in
      try DocumentFile(folder + "/text").replace(with: TinyRecipe.text)
      try #require(mkfifo(folder + "/pipe", 0o644) == 0)
      let result = try Program.run(
        ["tokenize", "--model", Program.teacher, "--text", "text", "--output", "pipe"], in: folder)
      #expect(result.status == 74)
      #expect(result.errors.contains("pipe: cannot replace it: it is a device, a pipe or a socket"))
      var status = stat()
      #expect(lstat(folder + "/pipe", &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
    }
  }

  @Test(arguments: [".lock", "metrics.jsonl"]) func `A link in a run's folder keeps its target`(
    name: String
  ) throws {
    try withTemporaryFolder { folder in
      try TinyRecipe.write(to: folder)
      try DocumentFile(folder + "/victim").replace(with: "mine")
      #expect(try Program.run(["--recipe", "recipe.json"], in: folder).status == 0)
      try FileManager.default.removeItem(atPath: "\(folder)/run/\(name)")
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/run/\(name)", withDestinationPath: "../victim")
      let result = try Program.run(["--recipe", "recipe.json", "--resume"], in: folder)
      #expect(result.status == 74, "\(result.errors)")
      #expect(try String(contentsOfFile: folder + "/victim", encoding: .utf8) == "mine")
    }
  }

  @Test func `Lost checkpoints, and another run's result, stop a run that is resumed`() throws {
    try withTemporaryFolder { folder in
      try TinyRecipe.write(to: folder)
      #expect(try Program.run(["--recipe", "recipe.json"], in: folder).status == 0)
      let files = FileManager.default
      let artefact = folder + "/run/artefacts/01-attention-transfer.h5"
      try files.moveItem(atPath: artefact, toPath: folder + "/own.h5")
      try files.removeItem(atPath: folder + "/run/checkpoints/attention-transfer")
      let lost = try Program.run(["--recipe", "recipe.json", "--resume"], in: folder)
      #expect(lost.status == 65)
      #expect(
        lost.errors.contains(
          "holds no checkpoint, but status.json says that attention-transfer was saved after step 2"
        ), "\(lost.errors)")
      let other = try Program.run(
        ["--recipe", "recipe.json", "--set", "seed=7", "--output", "other"], in: folder)
      #expect(other.status == 0, "\(other.errors)")
      try files.copyItem(
        atPath: folder + "/other/artefacts/01-attention-transfer.h5", toPath: artefact)
      let foreign = try Program.run(["--recipe", "recipe.json", "--resume"], in: folder)
      #expect(foreign.status == 65)
      #expect(
        foreign.errors.contains("another run made it: found seed 7, expected 42"),
        "\(foreign.errors)")
    }
  }

  /// Of an attribute of variable length the library believes how long its text is.
  @Test(arguments: [(24, 0xFF), (25, 0x80)])
  func `A file that the HDF5 library does not survive is 65`(
    offset: Int, value: UInt8
  ) throws {
    try withTemporaryFolder { folder in
      let text = Program.root + "/Tests/CheckpointsTests/Goldens/hdf5/text.h5"
      var bytes = try #require(FileManager.default.contents(atPath: text))
      let heap = try #require(bytes.range(of: Data("GCOL".utf8)))
      bytes[heap.lowerBound + offset] = value
      try bytes.write(to: URL(fileURLWithPath: folder + "/model.h5"))
      for arguments in [
        ["inspect", "model.h5"], ["generate", "--model", "model.h5", "--prompt", "It"],
      ] {
        let result = try Program.run(arguments, in: folder)
        #expect(result.status == 65)
        #expect(
          result.errors.hasPrefix("error: model.h5: cannot open it as HDF5: the HDF5 library "),
          "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1)
      }
    }
  }

  /// A run of very many steps with a teacher of its own; `body` is called when it has made some.
  private func whileRunning(
    checkpointEvery: Int, _ body: (_ weights: String) throws -> Void
  ) throws -> Program {
    var result: Program?
    try withTemporaryFolder { folder in
      try TinyRecipe.write(to: folder, steps: 1_000_000)
      try FileManager.default.copyItem(atPath: Program.teacher, toPath: folder + "/teacher")
      let running = try Program.start(
        [
          "--recipe", "recipe.json", "--set", "teacher.path=teacher", "--set",
          "stages[0].checkpointEvery=\(checkpointEvery)",
        ], in: folder)
      let metrics = folder + "/run/metrics.jsonl"
      while running.process.isRunning,
        (FileManager.default.contents(atPath: metrics)?.count ?? 0) == 0
      {
        usleep(1000)
      }
      try body(folder + "/teacher/model.safetensors")
      running.process.waitUntilExit()
      result = try running.finished()
      #expect(!FileManager.default.fileExists(atPath: folder + "/run/results.json"))
    }
    return try #require(result)
  }

  @Test(.timeLimit(.minutes(2)))
  func `A teacher that is written over while it is in use ends the run before it keeps anything`()
    throws
  {
    let result = try whileRunning(checkpointEvery: 3) { path in
      let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      let end = try handle.seekToEnd()
      try handle.seek(toOffset: end - 4)
      try handle.write(contentsOf: [0, 0, 0, 0])
      try handle.close()
    }
    #expect(result.status == 65, "\(result.errors)")
    #expect(
      result.errors.contains(
        "teacher/model.safetensors: found a file that was written to while it was in use"),
      "\(result.errors)")
  }

  @Test(.timeLimit(.minutes(2))) func `A teacher that is cut short is named, not a signal`() throws
  {
    let result = try whileRunning(checkpointEvery: 1_000_000) { #expect(truncate($0, 0) == 0) }
    #expect(result.status == 74, "\(result.errors)")
    #expect(
      result.errors.contains(
        "error: teacher/model.safetensors: cannot read it any more: it was cut short while it was in "
          + "use, or its disk fails (SIGBUS)"), "\(result.errors)")
  }

  @Test func `Other versions are said when a run is resumed, and refused where they decide bits`()
    throws
  {
    try withTemporaryFolder { folder in
      try TinyRecipe.write(to: folder)
      #expect(try Program.run(["--recipe", "recipe.json"], in: folder).status == 0)
      func replace(_ name: String, _ change: (inout JSONObject) -> Void) throws {
        let file = DocumentFile("\(folder)/run/\(name)")
        var object = try #require(file.read().objectValue)
        change(&object)
        try file.replace(with: JSONValue.object(object).pretty)
      }
      try replace("env.json") {
        $0["version"] = "0.0.9"
        $0["libraries"] = ["hdf5": "1.8.0"]
      }
      let told = try Program.run(["--recipe", "recipe.json", "--resume"], in: folder)
      #expect(told.status == 0)
      #expect(told.errors.contains("run: begun with linearize 0.0.9"), "\(told.errors)")
      #expect(told.errors.contains("run: begun with HDF5 1.8.0, goes on with HDF5 "))
      let silent = try Program.run(["--recipe", "recipe.json", "--resume"], in: folder)
      #expect(!silent.errors.contains("begun with"), "\(silent.errors)")
      try replace("inputs.json") {
        var numerics = $0["numerics"]?.objectValue ?? JSONObject()
        numerics["openblasVersion"] = "0.3.0"
        $0["numerics"] = .object(numerics)
      }
      let refused = try Program.run(["--recipe", "recipe.json", "--resume"], in: folder)
      #expect(refused.status == 78)
      #expect(refused.errors.contains("inputs.numerics.openblasVersion"), "\(refused.errors)")
      // Runs of before have none.
      try replace("inputs.json") {
        var numerics = $0["numerics"]?.objectValue ?? JSONObject()
        numerics["openblasVersion"] = nil
        $0["numerics"] = .object(numerics)
      }
      #expect(try Program.run(["--recipe", "recipe.json", "--resume"], in: folder).status == 0)
    }
  }

  @Test func `An evaluation leaves a run's folder alone while the run goes on`() throws {
    try withTemporaryFolder { folder in
      try TinyRecipe.write(to: folder, steps: 1_000_000)
      let running = try Program.start(["--recipe", "recipe.json"], in: folder)
      let metrics = folder + "/run/metrics.jsonl"
      while running.process.isRunning,
        (FileManager.default.contents(atPath: metrics)?.count ?? 0) == 0
      {
        usleep(1000)
      }
      let result = try Program.run(
        ["evaluate", "--model", Program.teacher, "--text", "text.jsonl", "--output", "run"],
        in: folder)
      kill(running.process.processIdentifier, SIGHUP)
      running.process.waitUntilExit()
      let stopped = try running.finished()
      #expect(stopped.status == 75)
      #expect(stopped.errors.contains("error: SIGHUP: saved in"), "\(stopped.errors)")
      #expect(result.status == 74)
      #expect(result.errors.contains("run: in use by another run"), "\(result.errors)")
      #expect(!FileManager.default.fileExists(atPath: folder + "/run/results.json"))
    }
  }
}
