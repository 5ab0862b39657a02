import Documents
import Foundation
import Models
import Testing
import Training
import Transformers

@testable import Pipeline

@Suite struct FinetuningTests {
  private let artefact = "run/artefacts/03-finetune.h5"

  private func recipe(_ teacher: TinyTeacher, _ overrides: String...) throws -> LoadedRecipe {
    let stages = """
      stages=[{"stage":"attention-transfer","steps":2,"gradientAccumulation":1},\
      {"stage":"low-rank-adaptation","steps":2,"gradientAccumulation":1},\
      {"stage":"finetune","steps":6,"gradientAccumulation":1,"evaluateEvery":3,\
      "checkpointEvery":2,"optimizer":{"learningRate":0.003}},{"stage":"evaluate"}]
      """
    return try teacher.recipe([stages] + overrides)
  }

  private func validationLosses(_ teacher: TinyTeacher) throws -> [Double] {
    try String(contentsOfFile: teacher.folder + "/run/metrics.jsonl", encoding: .utf8)
      .split(separator: "\n").map { try JSONValue(parsing: String($0)) }
      .filter { $0["stage"] == "finetune" }.compactMap { $0["validationLoss"]?.doubleValue }
  }

  @Test func `every weight is trained, and the student opens again as it was measured`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    #expect(try teacher.run(try recipe(teacher)) == .success)
    let student = try LoadedModel.open("\(teacher.folder)/run")
    #expect(student.student?.stage == "finetune")
    #expect(student.student?.adapters?.rank == 8)
    // 2 layers of (3 of the mixer, 8 of the adapters, 9 weights), the embedding and the last norm.
    #expect(student.decoder.parameters.count == 2 * (3 + 8 + 9) + 2)
    let original = try LoadedModel.open("\(teacher.folder)/teacher").decoder
    for (name, parameter) in student.decoder.ownWeights where name.hasSuffix("norm.weight") {
      #expect(parameter.value.elements.contains { $0 != 1 }, "\(name)")
    }
    #expect(original.ownWeights.isEmpty)
    let losses = try validationLosses(teacher)
    #expect(losses.count == 3 && losses[2] < losses[1] && losses[1] < losses[0])
  }

  @Test func `a pattern trains what it names and leaves the rest as it was`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    _ = try teacher.run(
      try recipe(teacher, #"stages[2].parameters=["*.mlp.down_proj.weight", "*.window_factors"]"#))
    let (before, after) = (
      try teacher.tensors("low-rank-adaptation"), try teacher.tensors("finetune")
    )
    let changed = after.filter { before[$0.key] != $0.value }.keys.sorted()
    #expect(
      changed
        == (0..<2).flatMap {
          [
            "model.layers.\($0).mlp.down_proj.weight",
            "model.layers.\($0).self_attn.window_factors",
          ]
        })
  }

  @Test func `A start that training only makes worse is what the stage ends with`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    _ = try teacher.run(
      try recipe(teacher, "stages[2].keepBest=true", "stages[2].optimizer.learningRate=1"))
    let before = try teacher.tensors("low-rank-adaptation")
    let after = try teacher.tensors("finetune")
    #expect(before.allSatisfy { after[$0.key] == $0.value })
    let losses = try validationLosses(teacher)
    #expect(losses.count == 3 && losses.min() == losses.first)
  }

  @Test
  func `a run stopped in the stage and resumed writes the same bytes, also with longer sequences`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try recipe(teacher, "stages[2].sequenceLength=96", "stages[2].keepBest=false")
    _ = try teacher.run(recipe)
    let expected = try teacher.bytes(artefact)
    let tokens = try String(
      contentsOfFile: teacher.folder + "/run/metrics.jsonl", encoding: .utf8
    ).split(separator: "\n").map { try JSONValue(parsing: String($0)) }
      .filter { $0["stage"] == "finetune" }.compactMap { $0["tokens"]?.intValue }
    #expect(tokens == [Int](repeating: 96, count: 6))
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    let checkpoint = "run/checkpoints/finetune/step-00000002"
    #expect(throws: Preempted.self) {
      try teacher.run(recipe, interruption: .once(exists: "\(teacher.folder)/\(checkpoint)"))
    }
    #expect(teacher.exists(checkpoint))
    _ = try teacher.run(recipe, resume: true)
    #expect(try teacher.bytes(artefact) == expected)
  }

  @Test func `a pattern that names nothing is refused with a name that there is`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try recipe(teacher, #"stages[2].parameters=["*.mlp.*", "*.self_atn.*"]"#)
    let error = #expect(throws: ModelError.self) { _ = try Preflight(recipe) }
    #expect(
      "\(try #require(error))"
        == "tiny.json: stages[2].parameters: no parameter of the student is named \"*.self_atn.*\"; expected a pattern of names such as \"model.layers.0.self_attn.feature_map_q.mlp.layer\""
    )
  }

  @Test func `a group has its own learning rate: at 0 it stays as it was, beside others that move`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    _ = try teacher.run(
      try recipe(
        teacher,
        #"stages[2].schedule={"kind":"quarter-cosine","warmupSteps":2,"warmupStart":0.01,"finalLearningRate":0}"#,
        """
        stages[2].optimizer.groups=[{"parameters":["*.self_attn.q_proj.*"],"learningRate":0},\
        {"parameters":["*.self_attn.*"],"learningRate":0.01,"finalLearningRate":0.001}]
        """))
    let (before, after) = (
      try teacher.tensors("low-rank-adaptation"), try teacher.tensors("finetune")
    )
    for (name, values) in after {
      guard let old = before[name] else { continue }
      #expect((old == values) == name.contains(".q_proj."), "\(name)")
    }
    let steps = try teacher.metrics("finetune").filter { $0["loss"] != nil }
    let rates = steps.map { $0["groupLearningRates"]?.arrayValue?.compactMap(\.doubleValue) ?? [] }
    #expect(rates.allSatisfy { $0.count == 2 && $0[0] == 0 })
    #expect(abs(rates[0][1] - 0.0001) < 1e-15 && abs(rates[2][1] - 0.01) < 1e-15)
    #expect(rates[5][1] < rates[4][1] && rates[5][1] > 0.001)
    #expect(steps[2]["learningRate"] == 0.003)
  }

  @Test func `a group of nothing and a warm-up longer than the text are refused`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let group = #"stages[2].optimizer.groups=[{"parameters":["*.mlp.up_proj.*"],"learningRate":1}]"#
    let idle = try recipe(teacher, group, #"stages[2].parameters=["*.self_attn.*"]"#)
    for attempt in [
      { _ = try teacher.run(idle) }, { _ = try Preflight(idle) },
    ] {
      let error = #expect(throws: ModelError.self) { try attempt() }
      #expect(
        error?.problems == [
          "stages[2].optimizer.groups[0].parameters: no parameter that the stage trains is named "
            + "\"*.mlp.up_proj.*\"; expected a pattern of names such as "
            + "\"model.layers.0.self_attn.feature_map_q.mlp.layer\""
        ])
    }
    #expect(!teacher.exists("run"))
    let unknown = try recipe(
      teacher, #"stages[2].optimizer.groups=[{"parameters":["*.w0"],"learningRate":1}]"#)
    let problem = #expect(throws: ModelError.self) { _ = try Preflight(unknown) }
    #expect(
      try #require(problem).problems.first?.hasPrefix(
        "stages[2].optimizer.groups[0].parameters: no parameter that the stage trains is named "
          + "\"*.w0\"") == true)
    // What stages add is known before they have run.
    _ = try Preflight(
      recipe(
        teacher, #"stages[1].optimizer.groups=[{"parameters":["*.lora_B.*"],"learningRate":1e-3}]"#,
        #"stages[2].parameters=["*.o_proj.lora_A.*"]"#
      ))
    let long = try recipe(
      teacher, "~stages[2].steps", "stages[2].epochs=1",
      #"stages[2].schedule={"kind":"linear","warmupSteps":46}"#)
    let warmup = #expect(throws: StageMistake.self) { try teacher.run(long) }
    #expect(
      try #require(warmup).description
        == "the stage \"finetune\", schedule.warmupSteps: found 46, expected fewer than the 46 steps "
        + "that the stage's epochs have; give more text, smaller batches or a shorter warm-up")
    #expect(try #require(warmup).exitCode == .recipe)
  }

  @Test(arguments: [
    ("*", "anything", true), ("a.b", "a.b", true), ("a.b", "a.bc", false),
    ("*.mlp.*", "model.layers.0.mlp.up_proj.weight", true), ("*.mlp.*", "mlp.up", false),
    ("a*a", "a", false), ("a*a", "aa", true), ("*w0", "self_attn.w0", true),
    ("*w0*w0", "xw0", false), ("a**b", "ab", true),
  ])
  func `a star stands for any characters, none included`(
    pattern: String, name: String, isMatch: Bool
  ) {
    #expect(NamePattern(pattern).matches(name) == isMatch)
  }
}
