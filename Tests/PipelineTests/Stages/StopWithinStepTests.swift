import Documents
import Foundation
import Testing

@testable import Pipeline

/// Signals that come while a step, or its validation, is under way.
@Suite struct StopWithinStepTests {
  private static let artefacts = [
    "run/artefacts/01-attention-transfer.h5", "run/artefacts/02-low-rank-adaptation.h5",
    "run/metrics.jsonl",
  ]

  /// Whether a checkpoint of the run waits for its step's validation.
  private func hasPendingValidation(_ teacher: TinyTeacher) throws -> Bool {
    let folder = teacher.folder + "/run/checkpoints"
    return try FileManager.default.subpathsOfDirectory(atPath: folder)
      .filter { $0.hasSuffix("MANIFEST.json") }
      .contains {
        try DocumentFile("\(folder)/\($0)").read()[TrainingLoop.pendingValidation] == true
      }
  }

  @Test(arguments: [
    [] as [String], ["stages[0].activations={\"storage\":\"float32\",\"layersPerBlock\":1}"],
    ["stages[0].keepBest=false", "stages[1].gradientAccumulation=3"],
  ]) func `Stopped at any poll and resumed, a run writes the bytes of one that was not`(
    overrides: [String]
  ) throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe(overrides)
    let all = try teacher.polls(of: recipe)
    _ = try teacher.run(recipe)
    let expected = try Self.artefacts.map(teacher.bytes)
    let checkpoints = teacher.folder + "/run/checkpoints"
    let names = try FileManager.default.subpathsOfDirectory(atPath: checkpoints)
      .filter { $0.hasSuffix("state.h5") && $0.contains("step-00000006") }
    let states = try names.map { try teacher.bytes("run/checkpoints/\($0)") }
    var stops: Set<String> = []
    var pending = 0
    for limit in stride(from: 0, to: all, by: overrides.isEmpty ? 3 : 7) {
      try FileManager.default.removeItem(atPath: teacher.folder + "/run")
      let error = #expect(throws: Preempted.self) {
        try teacher.run(recipe, interruption: .after(polls: limit))
      }
      stops.insert("\(error?.stage ?? ""), \(error?.step ?? -1)")
      if try hasPendingValidation(teacher) { pending += 1 }
      _ = try teacher.run(recipe, resume: true)
      #expect(try Self.artefacts.map(teacher.bytes) == expected, "\(limit) of \(all)")
      #expect(
        try names.map { try teacher.bytes("run/checkpoints/\($0)") } == states,
        "\(limit) of \(all)")
    }
    #expect(pending > 0)
    #expect(stops.count > 10, "\(stops.sorted())")
  }

  @Test func `A step that is stopped leaves the one before, at once`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe("stages[0].gradientAccumulation=4", "stages[0].keepBest=false")
    // Before the stage; then of each step 4 micro-batches with 2 layers each, and one at its end. The
    // first step's end is poll 14, and this is within the second's third micro-batch.
    let error = #expect(throws: Preempted.self) {
      try teacher.run(recipe, interruption: .after(polls: 1 + 13 + 7))
    }
    #expect(error?.stage == "attention-transfer" && error?.step == 1)
    #expect(teacher.exists("run/checkpoints/attention-transfer/step-00000001/state.h5"))
    #expect(!teacher.exists("run/checkpoints/attention-transfer/step-00000002"))
  }

  @Test func `A run that is stopped again and again comes to its end`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe()
    _ = try teacher.run(recipe)
    let expected = try Self.artefacts.map(teacher.bytes)
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    var tries = 0
    // At first hardly more than a step; an evaluation keeps nothing until it is done.
    while tries < 200 {
      do {
        _ = try teacher.run(recipe, resume: true, interruption: .after(polls: 9 + tries))
        break
      } catch let error as Preempted {
        #expect(error.exitCode == .preempted)
        tries += 1
      }
    }
    #expect(tries > 3 && tries < 200)
    #expect(try Self.artefacts.map(teacher.bytes) == expected)
  }
}
