import Documents
import Evaluation
import Foundation
import Models
import Reports
import Results
import Students
import Testing
import Transformers

@testable import Pipeline

@Suite struct SoftmaxLayerSelectionTests {
  private static let training =
    #""steps":4,"gradientAccumulation":1,"checkpointEvery":2,"evaluateEvery":2"#
  private static let selection =
    #""stage":"layer-selection","keep":2,"text":{"tokens":60},"associative":{"weight":0},"passkey":{"weight":0}"#
  private static let evaluation =
    #""stage":"evaluate","measureSpeed":false,"measureRecall":false,"measureFidelity":false"#
  private static let artefacts = [
    "01-layer-selection.h5", "01-layer-selection.json", "02-attention-transfer.h5",
    "03-low-rank-adaptation.h5",
  ].map { "run/artefacts/\($0)" }

  private func recipe(_ teacher: TinyTeacher, _ overrides: String...) throws -> LoadedRecipe {
    let stages = """
      stages=[{\(Self.selection)},{"stage":"attention-transfer",\(Self.training)},\
      {"stage":"low-rank-adaptation",\(Self.training)},{\(Self.evaluation)}]
      """
    return try teacher.recipe([stages] + overrides)
  }

  private func withTeacher(layers: Int = 4, _ body: (TinyTeacher) throws -> Void) throws {
    let teacher = try TinyTeacher(layers: layers)
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    try body(teacher)
  }

  @Test func `The stages behind it train a student of the other layers, and files say which`()
    throws
  {
    try withTeacher { teacher in
      #expect(try teacher.run(recipe(teacher)) == .success)
      let scores = try SelectionResult(contentsOf: "\(teacher.folder)/\(Self.artefacts[1])")
      #expect(scores.chosen.count == 2 && scores.layers == 4)
      #expect(scores.removed.map(\.layer) == [0, 1, 2, 3])
      let others = (0..<4).filter { !scores.chosen.contains($0) }
      let layers = JSONValue.array(scores.chosen.map { .integer($0) })
      for id in ["layer-selection", "attention-transfer", "low-rank-adaptation"] {
        let artefact = try StudentArtefact.read(try teacher.artefact(id))
        #expect(artefact.student["softmaxLayers"] == layers, "\(id)")
        #expect(artefact.recipe["student"]?["softmaxLayers"] == [], "\(id)")
        let found = Set(artefact.tensors.compactMap { Int($0.name.split(separator: ".")[2]) })
        #expect(found == Set(others), "\(id)")
      }
      let student = try LoadedModel.open("\(teacher.folder)/run")
      #expect(student.decoder.convertedLayers == others)
      let results = try StoredResults(contentsOf: "\(teacher.folder)/run/results.json").report
      #expect(results.selection == scores)
      #expect(results.transferLossByLayer.map { $0 != nil } == (0..<4).map { others.contains($0) })
      #expect(results[.teacherWindowSinks]?.detail.contains("softmax in 2 layers") == true)
      // The chosen layers alone are the best pair that a greedy choice finds.
      #expect(scores.outcome.divergence! < scores.without.divergence!)
    }
  }

  @Test func `An exported student keeps the softmax of the chosen layers`() throws {
    try withTeacher { teacher in
      _ = try teacher.run(recipe(teacher))
      let model = try LoadedModel.open("\(teacher.folder)/run")
      let folder = "\(teacher.folder)/export"
      _ = try ModelExport(
        model, type: nil, mergesAdapters: false, shardBytes: 1 << 30
      ).run(to: folder)
      let exported = try LoadedModel.open(folder)
      #expect(exported.decoder.convertedLayers == model.decoder.convertedLayers)
      #expect(exported.decoder.convertedLayers.count == 2)
    }
  }

  @Test(arguments: [0, 3, 8, 15, 17, 20, 24])
  func `A run stopped in or after the choice ends with the same bytes`(polls: Int) throws {
    try withTeacher { teacher in
      let recipe = try recipe(teacher)
      _ = try teacher.run(recipe)
      let expected = try Self.artefacts.map(teacher.bytes)
      try FileManager.default.removeItem(atPath: teacher.folder + "/run")
      try teacher.runInterrupted(recipe, afterPolls: polls)
      for (path, bytes) in zip(Self.artefacts, expected) {
        #expect(try teacher.bytes(path) == bytes, "\(path)")
      }
    }
  }

  @Test func `After transfer the student's own attention can be scored`() throws {
    try withTeacher { teacher in
      let stages = """
        stages=[{"stage":"attention-transfer",\(Self.training)},\
        {\(Self.selection),"linear":"student"},{\(Self.evaluation)}]
        """
      #expect(try teacher.run(teacher.recipe(stages)) == .success)
      let student = try LoadedModel.open("\(teacher.folder)/run")
      #expect(student.student?.stage == "layer-selection")
      #expect(student.decoder.convertedLayers.count == 2)
      let scores = try SelectionResult(
        contentsOf: "\(teacher.folder)/run/artefacts/02-layer-selection.json")
      #expect(scores.linear == "the student's attention after transfer")
      // What was trained of the layers that stay is kept.
      let before = try teacher.tensors("attention-transfer")
      let after = try teacher.tensors("layer-selection")
      #expect(!after.isEmpty && after.allSatisfy { before[$0.key] == $0.value })
    }
  }

  @Test func `A bound on memories limits how many layers are kept`() throws {
    try withTeacher { teacher in
      let window =
        4
        * SoftmaxWindowMixer(
          try LoadedModel.open("\(teacher.folder)/teacher").decoder.configuration.attention,
          window: .terrace(8), sinks: 4
        ).makeMemory().bytes
      // Keys and values of 16 numbers of 1,000 tokens.
      let layer = 2 * 16 * 1000 * 4
      let stages = { (bytes: Int) in
        """
        stages=[{\(Self.selection),"maximumCache":{"bytes":\(bytes),"length":1000}}]
        """
      }
      #expect(
        try teacher.run(teacher.recipe(stages(window + 3 * layer), "stages[0].keep=null"))
          == .success)
      let path = "\(teacher.folder)/run/artefacts/01-layer-selection.json"
      #expect(try SelectionResult(contentsOf: path).chosen.count == 3)
      let error = #expect(throws: StageMistake.self) {
        try teacher.run(teacher.recipe([stages(1000)], output: "small"))
      }
      #expect(error?.field == "maximumCache.bytes")
    }
  }

  @Test func `Recall and passkeys are asked of a teacher that has a tokenizer`() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    try withTeacher { teacher in
      let stages = #"""
        stages=[{"stage":"layer-selection","keep":1,"text":{"weight":0},"rescored":2,
        "associative":{"length":128,"queries":16},"passkey":{"length":256}}]
        """#
      let recipe = try teacher.recipe(
        stages, "teacher.path=\(root)/data/teachers/small", "data.sequenceLength=32")
      #expect(try teacher.run(recipe) == .success)
      let scores = try SelectionResult(
        contentsOf: "\(teacher.folder)/run/artefacts/01-layer-selection.json")
      #expect(scores.chosen.count == 1)
      #expect(scores.teacher.divergence == nil)
      for candidate in scores.removed {
        #expect(candidate.measures.recallLoss! > 0 && candidate.measures.passkeyLoss! > 0)
      }
    }
  }

  @Test func `A plan tells what the choice costs`() throws {
    try withTeacher { teacher in
      let plan = try ConversionPlan(try Preflight(recipe(teacher)))
      let stage = try #require(plan.stages.first)
      #expect(stage.name == "layer-selection" && stage.trainedParameters == 0)
      // 4 + 4 candidates and 3 more, each round with the model that they are made from.
      #expect(stage.steps == 5 + 5 + 4)
      #expect(stage.tokens == Int(60 * (3 + 3 + 2.5 + 1)))
      #expect(stage.seconds > 0)
      #expect(plan.text.contains("layer-selection"))
    }
  }

  @Test(
    arguments: [
      (
        ["student.softmaxLayers=[1]"],
        "$.student.softmaxLayers: is given beside the stage \"layer-selection\", which chooses "
          + "these layers; remove one of the two"
      ),
      (
        ["stages[0].keep=null"],
        "$.stages[0].keep: is missing; say how many layers keep softmax, or give "
          + "maximumDivergence, minimumRecall or maximumCache"
      ),
      (
        ["stages[0].text.weight=0"],
        "$.stages[0].text.weight: found 0, as those of associative and passkey; one must be above 0"
      ),
      (
        ["stages[0].minimumRecall=0.5"],
        "$.stages[0].associative.weight: found 0 beside minimumRecall, which it measures; give a "
          + "number above 0"
      ),
      (
        ["stages[0].linear=student"],
        "$.stages[0]: \"layer-selection\" scores the student's own attention, which no stage before "
          + "it has trained; put it behind \"attention-transfer\", or set \"linear\" to \"window\""
      ),
      (
        [#"stages[1]={"stage":"layer-selection","keep":1}"#],
        "$.stages[1]: \"layer-selection-2\" (layer-selection) chooses a second time; "
          + "\"layer-selection\" before it has done so, remove one of the two"
      ),
      (
        [
          #"stages[0]={"stage":"finetune","steps":1}"#,
          #"stages[1]={"stage":"layer-selection","keep":1}"#,
        ],
        "$.stages[1]: \"layer-selection\" gives layers back to the teacher, but \"finetune\" before "
          + "it has changed the weights; put it before that stage"
      ),
      (
        ["data.validation=[]"],
        "$.data.validation: is empty; the stage \"attention-transfer\" needs text for its validation "
          + "loss (or \"keepBest\": false and no \"evaluateEvery\")"
      ),
    ] as [([String], String)])
  func `What makes no sense is refused with what to write`(overrides: [String], expected: String)
    throws
  {
    try withTeacher(layers: 2) { teacher in
      try expectMistake(expected, in: try recipe(teacher).resolved, overrides)
    }
  }

  @Test func `More layers than there are, and texts that are too long, are told beforehand`() throws
  {
    try withTeacher(layers: 2) { teacher in
      for (overrides, expected) in [
        (
          "stages[0].keep=3",
          "the stage \"layer-selection\", keep: found 3, expected at most the 2 layers that may be "
            + "chosen"
        ),
        (
          #"stages[0].candidates="every 3""#,
          "the stage \"layer-selection\", candidates: says \"every 3\", the teacher has 2 layers"
        ),
        (
          #"stages[0].passkey={"length":1024}"#,
          "the stage \"layer-selection\", passkey.length: found 1024, expected at most the teacher's "
            + "512 tokens"
        ),
      ] {
        let error = #expect(throws: StageMistake.self) {
          try Preflight(recipe(teacher, overrides))
        }
        #expect(error?.description == expected)
      }
      let error = #expect(throws: StageMistake.self) {
        try teacher.run(recipe(teacher, #"stages[0].passkey={"length":256}"#))
      }
      #expect(error?.problem.contains("no tokenizer") == true)
    }
  }
}
