import Documents
import Foundation
import Models
import Testing
import Transformers

@testable import Pipeline

@Suite struct PreflightTests {
  @Test
  func `What is wrong with files, teacher, student and stages is told at once by all who ask`()
    throws
  {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let stages = """
      stages=[{"stage":"logit-distillation","steps":2,\
      "cachedLogits":{"path":"\(teacher.folder)/logits.h5","topK":62}},\
      {"stage":"finetune","steps":2,"parameters":["*.self_atn.*"]},\
      {"stage":"evaluate","baseline":"\(teacher.folder)/before.json",\
      "tasks":[{"path":"\(teacher.folder)/task.json"}]}]
      """
    let recipe = try teacher.recipe(
      stages, "teacher.sha256=\(String(repeating: "0", count: 64))",
      "data.test[0].path=\(teacher.folder)/absent.json")
    let digest = try LoadedModel.open("\(teacher.folder)/teacher").source.contentDigest()
    let checks: [() throws -> Void] = [
      { _ = try Preflight(recipe) }, { _ = try teacher.run(recipe) },
    ]
    for check in checks {
      let error = #expect(throws: PreflightMistakes.self) { try check() }
      #expect(
        error?.description == """
          tiny.json: cannot run, for 4 reasons
          tiny.json: 3 missing inputs; paths in a recipe are relative to the current directory
            $.data.test[0].path: "\(teacher.folder)/absent.json" does not exist (tried \
          \(teacher.folder)/absent.json)
            $.stages[2].tasks[0].path: "\(teacher.folder)/task.json" does not exist (tried \
          \(teacher.folder)/task.json)
            $.stages[2].baseline: "\(teacher.folder)/before.json" does not exist (tried \
          \(teacher.folder)/before.json)
          \(teacher.folder)/teacher: its weights have SHA-256 \(digest), expected \
          \(String(repeating: "0", count: 64)) as $.teacher.sha256 says
          tiny.json: stages[1].parameters: no parameter of the student is named "*.self_atn.*"; \
          expected a pattern of names such as "model.layers.0.self_attn.feature_map_q.mlp.layer"
          the stage "logit-distillation", cachedLogits.topK: found 62, expected at most the 61 \
          tokens that the teacher has
          """)
      #expect(error?.exitCode == .missingInput)
    }
    #expect(!teacher.exists("run"))
  }

  @Test func `A missing teacher is told with every other missing input, and nothing more`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let error = #expect(throws: RecipeError.self) {
      try Preflight(
        try teacher.recipe(
          "teacher.path=\(teacher.folder)/none", "data.train[0].path=\(teacher.folder)/none.json"))
    }
    guard case .missingInputs(_, let inputs) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(inputs.map(\.field) == ["$.teacher.path", "$.data.train[0].path"])
  }

  @Test func `A task that cannot be read is refused before any stage`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let path = teacher.folder + "/task.jsonl"
    try Data("{\"query\": 3}\n".utf8).write(to: URL(fileURLWithPath: path))
    let recipe = try teacher.recipe(#"stages[2].tasks=[{"path":"\#(path)"}]"#)
    for check in [{ _ = try Preflight(recipe) }, { _ = try teacher.run(recipe) }] {
      let error = #expect(throws: (any Error).self) { try check() }
      #expect("\(try #require(error))".contains(path))
    }
    #expect(!teacher.exists("run"))
  }

  @Test func `A warm-up that is longer than a later stage is said before the first`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let recipe = try teacher.recipe(
      "~stages[1].steps", "stages[1].epochs=1",
      #"stages[1].schedule={"kind":"linear","warmupSteps":23}"#)
    let error = #expect(throws: StageMistake.self) { try teacher.run(recipe) }
    #expect(
      error?.description.hasPrefix(
        "the stage \"low-rank-adaptation\", schedule.warmupSteps: found 23, expected fewer than the "
          + "23 steps") == true)
    #expect(!teacher.exists("run/artefacts/01-attention-transfer.h5"))
  }

  @Test func `Every run of a study is checked, and a mistake of several is told once`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    try DocumentFile(teacher.folder + "/tiny.json").replace(
      with: try teacher.recipe().resolved.pretty)
    let study: JSONValue = [
      "name": "study", "output": .string(teacher.folder + "/study"),
      "recipes": [["name": "tiny", "path": "tiny.json"]],
      "variants": [
        ["name": "well"], ["name": "a", "set": ["student.softmaxLayers=[5]"]],
        ["name": "b", "set": ["student.softmaxLayers=[5]", "seed=3"]],
        ["name": "c", "set": ["student.windowSiz=3"]],
      ],
      "columns": [["title": "p", "recipe": "tiny", "measure": "studentPerplexity"]],
    ]
    let path = teacher.folder + "/study.json"
    try DocumentFile(path).replace(with: study.pretty)
    #expect(Study.isStudy(at: path))
    #expect(!Study.isStudy(at: teacher.folder + "/tiny.json"))
    #expect(!Study.isStudy(at: teacher.folder + "/none.json"))
    let error = #expect(throws: StudyMistakes.self) {
      try Study(path: path) { _ = try Preflight($0.loaded) }
    }
    #expect(
      error?.description == """
        \(path): 2 mistakes in its runs
        tiny, a; tiny, b
          \(teacher.folder)/tiny.json: student.softmaxLayers names layer 5, the teacher has layers \
        0 to 1
        tiny, c
          \(teacher.folder)/tiny.json: 1 mistake
            $.student.windowSiz: is not a known key; did you mean "windowSize"?
        """)
  }
}
