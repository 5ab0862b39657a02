import Documents
import Foundation
import Testing

@testable import Pipeline

@Suite struct RecipeFilesTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("recipes").path

  @Test func `The committed schema is the one that the recipe's declaration gives`() throws {
    let committed = try String(
      contentsOfFile: Self.folder + "/recipe.schema.json", encoding: .utf8)
    #expect(
      committed == Recipe.schema.pretty,
      "run `.build/release/linearize schema > recipes/recipe.schema.json`")
  }

  @Test func `Every committed recipe is read without a mistake and names the schema beside it`()
    throws
  {
    let names = try FileManager.default.subpathsOfDirectory(atPath: Self.folder)
      .filter { $0.hasSuffix(".json") && $0 != "recipe.schema.json" }.sorted()
    #expect(names.contains("lolcats.json") && names.contains("quick/hedgehog.json"))
    for name in names where !name.hasPrefix("study-") {
      let path = "\(Self.folder)/\(name)"
      let loaded = try LoadedRecipe(path: path)
      let depth = name.split(separator: "/").count - 1
      #expect(loaded.recipe.name + ".json" == name.split(separator: "/").last!)
      let schema = String(repeating: "../", count: depth) + "recipe.schema.json"
      #expect(try DocumentFile(path).read()["$schema"]?.stringValue == schema)
    }
  }

  @Test func `Every committed study, and every recipe in it as its variants change it, is read`()
    throws
  {
    let study = try Study(path: Self.folder + "/study-feature-maps.json")
    #expect(study.runs.count == 2 * study.variants.count - 1)
    for run in study.runs {
      #expect(run.loaded.recipe.output == "\(study.output)/\(run.recipe)/\(run.variant)")
    }
  }

  @Test func `The schema has one form for each stage, with the keys that it needs`() throws {
    let forms = try #require(Recipe.schema["properties"]?["stages"]?["items"]?["oneOf"]?.arrayValue)
    #expect(forms.map { $0["title"]?.stringValue } == StageRegistry.all.map { $0.name })
    for form in forms {
      #expect(form["required"] == ["stage"])
      #expect(form["additionalProperties"] == false)
    }
    let updates = forms.first { $0["title"]?.stringValue == LowRankAdaptation.name }
    #expect(updates?["properties"]?["rank"]?["default"] == 8)
  }
}
