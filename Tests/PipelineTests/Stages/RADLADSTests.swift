import Documents
import Foundation
import Testing
import Transformers

@testable import Pipeline

/// The three stages of RADLADS on its students, 32 channels wide.
@Suite struct RADLADSTests {
  private func recipe(_ teacher: TinyTeacher, mixer: String, _ overrides: String...) throws
    -> LoadedRecipe
  {
    let parameters =
      mixer == "rad-rwkv6"
      ? #"["*.time_decay*","*.time_maa*"]"# : #"["*.w0","*.w1","*.w2"]"#
    let stages = """
      stages=[{"stage":"output-alignment","steps":4,"gradientAccumulation":1,"keepBest":false,\
      "checkpointEvery":2,"optimizer":{"learningRate":0.001,"betas":[0.9,0.95],\
      "clipGradientNorm":1},"schedule":{"kind":"quarter-cosine","warmupSteps":2,"warmupStart":0.01,\
      "finalLearningRate":1e-5}},\
      {"stage":"logit-distillation","steps":4,"gradientAccumulation":1,"keepBest":false,\
      "checkpointEvery":2,"activationCheckpointing":true,"optimizer":{"learningRate":0.001,\
      "groups":[{"parameters":["*.self_attn.*"],"learningRate":0.003}]}},\
      {"stage":"finetune","steps":2,"gradientAccumulation":1,"keepBest":false,\
      "sequenceLength":128,"parameters":\(parameters)}]
      """
    return try teacher.recipe([stages, #"student={"mixer":"\#(mixer)"}"#] + overrides)
  }

  @Test(arguments: ["rad-rwkv6", "rad-rwkv7"])
  func
    `all three stages run, the last trains decay and token shift alone, and a stop changes nothing`(
      mixer: String
    ) throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try recipe(teacher, mixer: mixer)
    _ = try Preflight(recipe)
    #expect(try teacher.run(recipe) == .success)
    let (before, after) = (
      try teacher.tensors("logit-distillation"), try teacher.tensors("finetune")
    )
    let changed = after.filter { before[$0.key] != $0.value }.keys
    #expect(!changed.isEmpty)
    for name in changed {
      #expect(
        ["w0", "w1", "w2"].contains { name.hasSuffix(".self_attn.\($0)") }
          || name.contains(".self_attn.time_decay") || name.contains(".self_attn.time_maa"),
        "\(name)")
    }
    for (name, values) in try teacher.tensors("output-alignment")
    where name.hasSuffix("_proj.weight") {
      #expect(before[name] != values, "\(name)")
    }
    let bytes = try teacher.bytes("run/artefacts/03-finetune.h5")
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    try teacher.runInterrupted(recipe, afterPolls: 8)
    #expect(try teacher.bytes("run/artefacts/03-finetune.h5") == bytes)
  }

  @Test func `gradients of alignment stay in their layer, though values of the first are shared`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    _ = try teacher.run(try recipe(teacher, mixer: "rad-rwkv7"))
    let steps = try teacher.metrics("output-alignment").filter { $0["loss"] != nil }
    #expect(steps.allSatisfy { $0["lossByLayer"]?.arrayValue?.count == 2 })
    let error = #expect(throws: ModelError.self) {
      try Preflight(
        try recipe(teacher, mixer: "rad-rwkv7", "stages[0].activations.layersPerBlock=1"))
    }
    #expect(
      error?.problems == [
        "stages[0].activations trains blocks of layers apart, but this student's layers share the "
          + "values of the first; set it to null"
      ])
  }
}
