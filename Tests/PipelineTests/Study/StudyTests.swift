import Documents
import Foundation
import Testing

@testable import Pipeline

@Suite struct StudyTests {
  private func write(_ document: JSONValue, _ name: String, in folder: String) throws -> String {
    try DocumentFile("\(folder)/\(name)").replace(with: document.pretty)
    return "\(folder)/\(name)"
  }

  private func study(
    _ teacher: TinyTeacher, variants: JSONValue, measure: String = "studentPerplexity"
  )
    throws -> Study
  {
    _ = try write(
      try teacher.recipe("stages[0].steps=1", "stages[1].steps=1").resolved, "tiny.json",
      in: teacher.folder)
    let document: JSONValue = [
      "name": "study", "output": .string(teacher.folder + "/study"),
      "recipes": [["name": "tiny", "path": "tiny.json"]], "variants": variants,
      "columns": [["title": "perplexity", "recipe": "tiny", "measure": .string(measure)]],
    ]
    return try Study(path: try write(document, "study.json", in: teacher.folder))
  }

  @Test func `every variant is a run of its own, and a row of the table once it is done`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let study = try study(
      teacher,
      variants: [
        ["name": "narrow", "set": ["student.windowSize=4"]],
        ["name": "relu", "set": [#"student.featureMap={"kind": "relu"}"#]],
      ], measure: "studentPerplexity")
    #expect(
      study.runs.map(\.loaded.recipe.output)
        == ["narrow", "relu"].map { "\(teacher.folder)/study/tiny/\($0)" })
    #expect(study.runs[0].loaded.resolved["student"]?["windowSize"] == 4)
    _ = try teacher.run(study.runs[0].loaded)
    #expect(try RunStatus.isFinished(study.runs[0].loaded.recipe.output))
    #expect(try !RunStatus.isFinished(study.runs[1].loaded.recipe.output))
    let lines = try study.table().terminal.split(separator: "\n")
    #expect(lines[0] == "variant  perplexity")
    let perplexity = try DocumentFile("\(teacher.folder)/study/tiny/narrow/results.json").read()[
      "linearize"]!["measures"]!["studentPerplexity"]!.doubleValue!
    #expect(lines[2].hasSuffix(String(format: "%.3f", perplexity)))
    #expect(lines[3].hasPrefix("relu ") && lines[3].hasSuffix("–"))
  }

  @Test func `mistakes of the study and of its recipes are told before any run`() throws {
    let teacher = try TinyTeacher()
    defer { #expect(throws: Never.self) { try teacher.remove() } }
    let measure = #expect(throws: RecipeError.self) {
      try study(teacher, variants: [["name": "a"]], measure: "studentPerplexty")
    }
    #expect("\(try #require(measure))".contains("did you mean \"studentPerplexity\"?"))
    let twice = #expect(throws: RecipeError.self) {
      try study(teacher, variants: [["name": "a"], ["name": "a"]])
    }
    #expect("\(try #require(twice))".contains("$.variants: has \"a\" twice"))
    let recipe = #expect(throws: StudyMistakes.self) {
      try study(teacher, variants: [["name": "a", "set": ["student.windowSiz=3"]]])
    }
    #expect("\(try #require(recipe))".contains("windowSiz"))
  }
}
