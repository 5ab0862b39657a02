import Checkpoints
import Corpus
import Documents
import Foundation
import Models
import TensorCore
import Testing

@testable import Pipeline

private let artefacts = [
  "run/artefacts/01-attention-transfer.h5", "run/artefacts/02-low-rank-adaptation.h5",
  "run/metrics.jsonl", "run/results.json",
  "run/checkpoints/low-rank-adaptation/step-00000006/state.h5",
]

@Suite struct ConversionTests {
  @Test func `a recipe runs to its report, and the student opens again with the same perplexity`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    #expect(try teacher.run(try teacher.recipe()) == .success)
    let results = try DocumentFile("\(teacher.folder)/run/results.json").read()
    let perplexity = try #require(
      results["linearize"]?["measures"]?["studentPerplexity"]?.doubleValue)
    #expect(perplexity.isFinite && perplexity > 1)
    #expect(results["linearize"]?["transferLossByLayer"]?.arrayValue?.count == 2)
    let student = try LoadedModel.open("\(teacher.folder)/run")
    #expect(student.student?.stage == "low-rank-adaptation")
    #expect(student.decoder.parameters.count == 2 * (3 + 8))
    let losses = try String(
      contentsOfFile: "\(teacher.folder)/run/metrics.jsonl", encoding: .utf8
    ).split(separator: "\n").map { try JSONValue(parsing: String($0)) }
      .filter { $0["stage"] == "attention-transfer" }.compactMap { $0["loss"]?.doubleValue }
    #expect(losses.count == 6 && losses.last! < losses.first!)
  }

  @Test(arguments: [0, 1, 2, 3, 5, 7, 9, 10])
  func `a run stopped at any step and resumed writes the bytes of one that was not`(polls: Int)
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe()
    _ = try teacher.run(recipe)
    let expected = try artefacts.map(teacher.bytes)
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    let error = #expect(throws: Preempted.self) {
      try teacher.run(recipe, interruption: .after(polls: 10 * polls))
    }
    #expect(error?.exitCode == .preempted)
    _ = try teacher.run(recipe, resume: true)
    for (name, bytes) in zip(artefacts, expected) where name != "run/results.json" {
      #expect(try teacher.bytes(name) == bytes, "\(name)")
    }
  }

  @Test func `a run killed after its checkpoint was damaged goes on from the one before`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe()
    _ = try teacher.run(recipe)
    let expected = try artefacts.map(teacher.bytes)
    let folder = teacher.folder + "/run"
    try FileManager.default.removeItem(atPath: folder + "/artefacts/02-low-rank-adaptation.h5")
    let state = folder + "/checkpoints/low-rank-adaptation/step-00000006/state.h5"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: state))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(fileURLWithPath: state))
    _ = try teacher.run(recipe, resume: true)
    for (name, bytes) in zip(artefacts, expected) where name != "run/results.json" {
      #expect(try teacher.bytes(name) == bytes, "\(name)")
    }
  }

  @Test(arguments: [1, 2])
  func `training from stored activations gives the weights of the joint pass, bit for bit`(
    layersPerBlock: Int
  ) throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let shared = "stages[0].keepBest=false"
    _ = try teacher.run(try teacher.recipe(shared, output: "joint"))
    _ = try teacher.run(
      try teacher.recipe(
        shared,
        #"stages[0].activations={"storage":"float32","layersPerBlock":\#(layersPerBlock)}"#,
        output: "stored"))
    let joint = try StudentArtefact.read(
      teacher.folder + "/joint/artefacts/01-attention-transfer.h5")
    let stored = try StudentArtefact.read(
      teacher.folder + "/stored/artefacts/01-attention-transfer.h5")
    #expect(joint.tensors.map(\.name) == stored.tensors.map(\.name))
    for (left, right) in zip(joint.tensors, stored.tensors) {
      #expect(left.tensor.elements == right.tensor.elements, "\(left.name)")
    }
    #expect(!teacher.exists("stored/activations/block-0000.h5"))
  }

  @Test func `a resumed run from stored activations gives the weights of one that was not stopped`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe("stages[0].activations={\"storage\":\"bfloat16\"}")
    _ = try teacher.run(recipe)
    let expected = try artefacts.map(teacher.bytes)
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    let all = try teacher.polls(of: recipe)
    for polls in (0..<8).map({ $0 * all / 8 }) {
      #expect(throws: Preempted.self) {
        try teacher.run(recipe, interruption: .after(polls: polls))
      }
      _ = try teacher.run(recipe, resume: true)
      #expect(try teacher.bytes(artefacts[0]) == expected[0], "\(polls)")
      #expect(try teacher.bytes("run/metrics.jsonl") == expected[2], "\(polls)")
      try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    }
  }

  @Test func `a run goes on with activations as it stored them, or is refused`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe(#"stages[0].activations={"storage":"float32"}"#)
    _ = try teacher.run(recipe)
    let expected = try teacher.bytes(artefacts[0])
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    #expect(throws: Preempted.self) {
      try teacher.run(
        recipe,
        interruption: .once(
          exists: teacher.folder + "/run/activations/attention-transfer/block-0000.h5"))
    }
    let error = #expect(throws: RunError.self) {
      try teacher.run(try teacher.recipe("stages[0].activations={}"), resume: true)
    }
    #expect(error?.description.contains("$.stages[0].activations.storage") == true)
    _ = try teacher.run(recipe, resume: true)
    #expect(try teacher.bytes(artefacts[0]) == expected)
  }

  @Test
  func `blocks without a converted layer are captured again only where a later one needs them`()
    throws
  {
    let teacher = try TinyTeacher(layers: 4)
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe(
      "stages[0].activations={}", "student.softmaxLayers=[1]", "stages[1].steps=1",
      "stages[1].schedule.warmupSteps=0")
    _ = try teacher.run(recipe)
    let paths = [artefacts[0], "run/metrics.jsonl"]
    let expected = try paths.map(teacher.bytes)
    // Within the capture and the training of every block, the last one's too.
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    let all = try teacher.polls(of: recipe)
    for polls in (0..<14).map({ 5 + $0 * (all - 5) / 14 }) {
      if teacher.exists("run") {
        try FileManager.default.removeItem(atPath: teacher.folder + "/run")
      }
      try teacher.runInterrupted(recipe, afterPolls: polls)
      #expect(try paths.map(teacher.bytes) == expected, "\(polls)")
    }
    #expect(!teacher.exists("run/activations/block-0001.h5"))
  }

  @Test
  func
    `text too short for a step of stored activations, or for a later stage, is said at the start`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let short = #expect(throws: StageMistake.self) {
      try teacher.run(
        try teacher.recipe(
          "stages[0].activations={}", "~stages[0].steps", "stages[0].epochs=1",
          "stages[0].batchSize=64"))
    }
    #expect(
      short?.description.contains("found 0, expected fewer than the 0 steps") == true)
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    let finetune = #"stages[1]={"stage":"finetune","steps":1,"sequenceLength":4096}"#
    #expect(throws: DatasetError.self) { try teacher.run(try teacher.recipe(finetune)) }
    #expect(!teacher.exists("run/artefacts/01-attention-transfer.h5"))
  }

  @Test func `merged adapters give the perplexity of the adapters`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    _ = try teacher.run(try teacher.recipe())
    _ = try teacher.run(try teacher.recipe("stages[1].merge=true", output: "merged"))
    let perplexity = { (name: String) in
      try DocumentFile("\(teacher.folder)/\(name)/results.json").read()["linearize"]!["measures"]![
        "studentPerplexity"]!
        .doubleValue!
    }
    let (adapted, merged) = (try perplexity("run"), try perplexity("merged"))
    #expect(abs(adapted - merged) < 1e-4 * adapted)
    let student = try StudentArtefact.read(
      teacher.folder + "/merged/artefacts/02-low-rank-adaptation.h5")
    #expect(student.adapters == nil)
    #expect(student.tensors.contains { $0.name == "model.layers.1.self_attn.o_proj.weight" })
  }

  @Test func `activation checkpointing and dropout change neither determinism nor resuming`() throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe(
      "stages[1].activationCheckpointing=true", "stages[1].dropout=0.2")
    _ = try teacher.run(recipe)
    let expected = try teacher.bytes(artefacts[1])
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    #expect(throws: Preempted.self) {
      try teacher.run(
        recipe,
        interruption: .once(
          exists: teacher.folder + "/run/checkpoints/low-rank-adaptation/step-00000002"))
    }
    _ = try teacher.run(recipe, resume: true)
    #expect(try teacher.bytes(artefacts[1]) == expected)
    _ = try teacher.run(try teacher.recipe("stages[1].dropout=0.2", output: "kept"))
    let kept = try StudentArtefact.read(
      teacher.folder + "/kept/artefacts/02-low-rank-adaptation.h5")
    let again = try StudentArtefact.read(
      teacher.folder + "/run/artefacts/02-low-rank-adaptation.h5")
    for (left, right) in zip(kept.tensors, again.tensors) {
      #expect(left.tensor.elements == right.tensor.elements, "\(left.name)")
    }
  }
}
