import Documents
import Foundation
import Models
import Testing

@testable import Pipeline

@Suite struct RepeatedStageTests {
  private static let training =
    #""steps":4,"gradientAccumulation":1,"checkpointEvery":2,"evaluateEvery":2"#
  private static let evaluation =
    #""stage":"evaluate","measureSpeed":false,"measureRecall":false,"measureFidelity":false,"ablations":false"#

  /// Two transfers, a look, an adaptation, and the evaluation of all.
  private func recipe(_ teacher: TinyTeacher, _ overrides: String...) throws -> LoadedRecipe {
    let stages = """
      stages=[{"stage":"attention-transfer",\(Self.training)},\
      {"stage":"attention-transfer",\(Self.training)},\
      {"id":"transferred",\(Self.evaluation)},\
      {"stage":"low-rank-adaptation",\(Self.training),"merge":true},\
      {"stage":"low-rank-adaptation","id":"again",\(Self.training)},\
      {\(Self.evaluation)}]
      """
    return try teacher.recipe([stages] + overrides)
  }

  private static let artefacts = [
    "01-attention-transfer", "02-attention-transfer-2", "04-low-rank-adaptation", "05-again",
  ].map { "run/artefacts/\($0).h5" }

  @Test func `Equal stages are told apart by id in files, metrics and reports`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try recipe(teacher)
    let ids = [
      "attention-transfer", "attention-transfer-2", "transferred", "low-rank-adaptation", "again",
      "evaluate",
    ]
    #expect(recipe.recipe.stages.map(\.id) == ids)
    #expect(recipe.resolved["stages"]?.arrayValue?.map { $0["id"]?.stringValue } == ids)
    #expect(try teacher.run(recipe) == .success)
    for path in Self.artefacts { #expect(teacher.exists(path), "\(path)") }
    for id in ids where !["transferred", "evaluate"].contains(id) {
      #expect(teacher.exists("run/checkpoints/\(id)/step-00000004"), "\(id)")
      #expect(teacher.exists("run/tensorboard/\(id)"), "\(id)")
      #expect(try teacher.metrics(id).filter { $0["loss"] != nil }.count == 4, "\(id)")
    }
    // The second goes on where the first ended, the second adaptation on merged weights.
    #expect(
      try teacher.tensors("attention-transfer") != teacher.tensors("attention-transfer-2"))
    let student = try LoadedModel.open("\(teacher.folder)/run")
    #expect(student.student?.stage == "again")
    #expect(student.student?.adapters?.rank == 8)
    #expect(student.decoder.ownWeights.count == 2 * 4)
    let middle = try DocumentFile(
      "\(teacher.folder)/run/evaluations/transferred/results.json"
    ).read()["linearize"]
    let last = try DocumentFile("\(teacher.folder)/run/results.json").read()["linearize"]
    #expect(middle?["title"] == "tiny, transferred")
    #expect(middle?["training"]?.arrayValue?.map { $0["stage"]?.stringValue } == Array(ids[..<2]))
    #expect(last?["training"]?.arrayValue?.count == 4)
    let perplexities = [middle, last].map {
      $0?["measures"]?["studentPerplexity"]?.doubleValue ?? .nan
    }
    #expect(perplexities[0] != perplexities[1] && perplexities.allSatisfy(\.isFinite))
  }

  /// Shares of a whole run's polls, of 32.
  @Test(arguments: [3, 11, 14, 17, 20, 23, 31])
  func `A run stopped in or after the second of two equal stages ends with the same bytes`(
    share: Int
  ) throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try recipe(teacher)
    _ = try teacher.run(recipe)
    let paths = Self.artefacts + ["run/metrics.jsonl"]
    let expected = try paths.map(teacher.bytes)
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    let all = try teacher.polls(of: recipe)
    try teacher.runInterrupted(recipe, afterPolls: share * all / 32)
    for (path, bytes) in zip(paths, expected) {
      #expect(try teacher.bytes(path) == bytes, "\(path)")
    }
  }

  @Test func `An evaluation before the last stage is measured once, and its thresholds count`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    // The student as it is installed, before anything was trained.
    let recipe = try teacher.recipe(
      """
      stages=[{\(Self.evaluation),"thresholds":{"perplexityRatio":{"maximum":0.01}}},\
      {"stage":"attention-transfer",\(Self.training)}]
      """)
    #expect(try teacher.run(recipe) == .thresholdMissed)
    #expect(teacher.exists("run/artefacts/02-attention-transfer.h5"))
    #expect(!teacher.exists("run/results.json"))
    let results = "run/evaluations/evaluate/results.json"
    let before = try teacher.bytes(results)
    #expect(try teacher.run(recipe, resume: true) == .thresholdMissed)
    #expect(try teacher.bytes(results) == before)
  }

  @Test func `Pretraining goes on in a second stage, and the last folder is the model`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe(
      """
      stages=[{"stage":"pretrain",\(Self.training)},{"stage":"pretrain",\(Self.training)},\
      {\(Self.evaluation)}]
      """, "student=null")
    #expect(try teacher.run(recipe) == .success)
    let paths = ["01-pretrain", "02-pretrain-2"].map { "run/artefacts/\($0)/model.safetensors" }
    let expected = try paths.map(teacher.bytes)
    #expect(expected[0] != expected[1])
    #expect(
      try LoadedModel.open("\(teacher.folder)/run").source.contentDigest()
        == LoadedModel.open("\(teacher.folder)/run/artefacts/02-pretrain-2").source.contentDigest())
    try FileManager.default.removeItem(atPath: teacher.folder + "/run")
    try teacher.runInterrupted(recipe, afterPolls: 12)
    #expect(try paths.map(teacher.bytes) == expected)
  }

  @Test func `Overrides name a stage by id, by name and by place`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let stages = try recipe(
      teacher, "stages.again.steps=7", "stages.attention-transfer-2.steps=8",
      "stages.attention-transfer.steps=9", "stages[3].steps=10", "stages.transferred.sequences=1"
    ).recipe.stages
    #expect(stages.prefix(2).map { $0.training?.length } == [.steps(9), .steps(8)])
    #expect(stages[3...4].map { $0.training?.length } == [.steps(10), .steps(7)])
    #expect((stages[2].specification as? Evaluate)?.sequences == 1)
  }

  @Test(
    arguments: [
      (
        ["stages.again.id=transferred"],
        "$.stages[4].id: found \"transferred\" a second time; expected a word that no stage before "
          + "it has"
      ),
      (
        ["stages.again.id=\"4\""],
        "$.stages[4].id: found \"4\", expected letters, digits, - and _, and not digits alone: files "
          + "are named by it"
      ),
      (
        ["stages.again.id=step-2"],
        "$.stages[4].id: found \"step-2\", expected another word: checkpoints are called step-…"
      ),
      (
        ["stages.again.id=a/b"],
        "$.stages[4].id: found \"a/b\", expected letters, digits, - and _, and not digits alone: "
          + "files are named by it"
      ),
      (
        ["stages[3].merge=false"],
        "$.stages[4]: \"again\" (low-rank-adaptation) stands behind \"low-rank-adaptation\", whose "
          + "low-rank updates are not weights yet, and would put its own in their place; set "
          + "\"merge\": true in stages[3]"
      ),
      (
        [#"stages[5]={"stage":"output-alignment","steps":1}"#],
        "$.stages[5]: \"output-alignment\" stands behind \"again\" (low-rank-adaptation), whose "
          + "low-rank updates are not weights yet, and trains the projections under them; set "
          + "\"merge\": true in stages[4]"
      ),
      (
        [#"stages[0]={"stage":"output-alignment","steps":1}"#],
        "$.stages[1]: \"attention-transfer-2\" (attention-transfer) fits the new attention to the teacher's queries, keys "
          + "and values, but \"output-alignment\" before it has given the student others; put it "
          + "before that stage, or use \"output-alignment\", which reads the student's own"
      ),
      (
        [#"stages=[{"stage":"evaluate"},{"stage":"pretrain","steps":1}]"#, "student=null"],
        "$.stages[1]: \"pretrain\" makes the model that \"evaluate\" before it is to measure; put it "
          + "first"
      ),
    ] as [([String], String)])
  func `Ids that name no file and orders that make no sense are refused`(
    overrides: [String], expected: String
  ) throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    try expectMistake(expected, in: try recipe(teacher).resolved, overrides)
  }

  @Test func `A folder from before artefacts had numbers and losses a list is resumed`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe("stages[2].measureSpeed=false")
    _ = try teacher.run(recipe)
    let folder = "\(teacher.folder)/run"
    let bytes = try teacher.bytes("run/artefacts/02-low-rank-adaptation.h5")
    for name in ["01-attention-transfer.h5", "02-low-rank-adaptation.h5"] {
      try FileManager.default.moveItem(
        atPath: "\(folder)/artefacts/\(name)",
        toPath: "\(folder)/artefacts/\(name.dropFirst(3))")
    }
    #expect(try LoadedModel.open(folder).student?.stage == "low-rank-adaptation")
    // As that version spelled the recipe.
    let file = DocumentFile("\(folder)/recipe.json")
    let old = try RecipeOverride.apply(
      [
        "~stages[0].losses", "stages[0].meanSquaredErrorWeight=1000.0",
        "stages[0].attentionWeightCrossEntropyWeight=0.0", "~stages[0].id", "~stages[1].id",
        "~stages[2].id",
      ].map { try RecipeOverride(parsing: $0) }, to: try file.read())
    try file.replace(with: old.pretty)
    #expect(try teacher.run(recipe, resume: true) == .success)
    #expect(try teacher.bytes("run/artefacts/low-rank-adaptation.h5") == bytes)
    #expect(!teacher.exists("run/artefacts/02-low-rank-adaptation.h5"))
  }
}
