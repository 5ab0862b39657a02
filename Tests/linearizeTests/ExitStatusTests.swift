import Documents
import Foundation
import TestSupport
import Testing

/// The built program's exit statuses, each by a mistake that people make, and its words.
@Suite struct ExitStatusTests {
  @Test(arguments: [
    (["compare", "one"], "Give at least two runs to compare."),
    (["export"], "Missing expected argument '--model <path>'"),
    (
      ["generate", "--model", "m", "--prompt", "", "--tempreture", "1"],
      "Unknown option '--tempreture'"
    ),
  ])
  func `Wrong usage is 64`(arguments: [String], words: String) throws {
    try withTemporaryFolder { folder in
      let result = try Program.run(arguments, in: folder)
      #expect(result.status == 64)
      #expect(result.output == "")
      #expect(result.errors.contains(words), "\(result.errors)")
    }
  }

  @Test func `A malformed input is 65, a missing one 66`() throws {
    try withTemporaryFolder { folder in
      try DocumentFile(folder + "/text.txt").replace(with: "no checkpoint at all")
      let malformed = try Program.run(["inspect", "text.txt"], in: folder)
      #expect(malformed.status == 65)
      #expect(malformed.errors.hasPrefix("error: text.txt: byte 0 (header length): found "))
      let missing = try Program.run(["inspect", "nowhere"], in: folder)
      #expect(missing.status == 66)
      #expect(
        missing.errors == "error: nowhere: cannot open it: No such file or directory\n")
    }
  }

  @Test func `A wrong recipe is 78, with every mistake and where it stands`() throws {
    try withTemporaryFolder { folder in
      try TinyRecipe.write(to: folder)
      let result = try Program.run(
        [
          "validate", "--recipe", "recipe.json", "--set", "student.mixer=terrace-windw", "--set",
          "stages[0].steps=0",
        ], in: folder)
      #expect(result.status == 78)
      for words in ["student.mixer", "did you mean \"terrace-window\"", "stages[0].steps"] {
        #expect(result.errors.contains(words), "\(result.errors)")
      }
    }
  }

  @Test func `A result that cannot be written is 74`() throws {
    try withTemporaryFolder { folder in
      let result = try Program.run(["schema"], in: folder, outputPath: "/dev/full")
      #expect(result.status == 74)
      #expect(result.errors.contains("standard output"), "\(result.errors)")
    }
  }

  @Test func `A missed threshold is 1, and the report is there`() throws {
    try withTemporaryFolder { folder in
      try TinyRecipe.write(to: folder, maximumRatio: 0.5)
      let result = try Program.run(["--recipe", "recipe.json", "--quiet"], in: folder)
      #expect(result.status == 1)
      #expect(result.output.contains("Missed 1 of 1 threshold: perplexityRatio."))
      #expect(result.errors == "")
      #expect(FileManager.default.fileExists(atPath: folder + "/run/report.html"))
    }
  }

  @Test(arguments: [SIGTERM, SIGINT]) func `A signal is 75, and the run goes on from there`(
    signal: Int32
  ) throws {
    try withTemporaryFolder { folder in
      // Nobody waits for so many: the second run, which goes on, is stopped as well.
      try TinyRecipe.write(to: folder, steps: 1_000_000)
      let first = try stoppedStep(folder, [], signal)
      let second = try stoppedStep(folder, ["--resume"], signal)
      #expect(0 < first && first < second)
    }
  }

  /// The step after which a run was saved that was stopped once it had logged one more.
  private func stoppedStep(_ folder: String, _ arguments: [String], _ signal: Int32) throws -> Int {
    let metrics = folder + "/run/metrics.jsonl"
    let lines = { FileManager.default.contents(atPath: metrics)?.count { $0 == 0x0A } ?? 0 }
    let before = lines()
    let running = try Program.start(["--recipe", "recipe.json"] + arguments, in: folder)
    // The first line may be of the validation before the first step, within which a run stops at once.
    while running.process.isRunning, lines() < before + 2 { usleep(1000) }
    kill(running.process.processIdentifier, signal)
    running.process.waitUntilExit()
    let stopped = try running.finished()
    #expect(stopped.status == 75, "\(stopped.errors)")
    let name = signal == SIGTERM ? "SIGTERM" : "SIGINT"
    let words = try #require(
      stopped.errors.firstMatch(
        of:
          /error: (\w+): saved in \S*attention-transfer after step (\d+); the same command with --resume continues/
      ))
    #expect(words.1 == name)
    return try #require(Int(words.2))
  }
}
