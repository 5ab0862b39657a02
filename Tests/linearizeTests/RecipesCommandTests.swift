import Documents
import Foundation
import Pipeline
import TestSupport
import Testing

@testable import linearize

@Suite struct RecipesCommandTests {
  private static let folder = Program.root + "/recipes"

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "done"
    } catch {
      return Linearize.message(for: error)
    }
  }

  @Test func `The program holds every file under recipes, byte for byte`() throws {
    let committed = try FileManager.default.subpathsOfDirectory(atPath: Self.folder)
      .filter { $0.hasSuffix(".json") && $0 != "recipe.schema.json" }
      .map { String($0.dropLast(".json".count)) }.sorted()
    let shipped = try ShippedRecipe.all()
    #expect(shipped.map(\.name).sorted() == committed, "run scripts/embed-recipes")
    for recipe in shipped {
      let text = try String(contentsOfFile: "\(Self.folder)/\(recipe.name).json", encoding: .utf8)
      #expect(recipe.text == text, "run scripts/embed-recipes")
    }
  }

  @Test func `Every shipped recipe says in one sentence what it does`() throws {
    for recipe in try ShippedRecipe.all() {
      #expect(recipe.summary.hasSuffix("."), "\(recipe.name)")
      #expect(recipe.summary.count < 120, "\(recipe.name)")
    }
  }

  @Test func `A copied recipe is the shipped one without its schema, and is read again`() throws {
    try withTemporaryFolder { folder in
      try RecipesCopyCommand.parse(["quick/hedgehog", "\(folder)/my.json"]).run()
      let recipe = try ShippedRecipe.named("quick/hedgehog.json")
      var document = try #require(recipe.document.objectValue)
      document["$schema"] = nil
      #expect(try DocumentFile("\(folder)/my.json").read() == .object(document))
      #expect(try LoadedRecipe(path: "\(folder)/my.json").recipe.description == recipe.summary)
    }
  }

  @Test func `A file that exists is replaced only by force`() throws {
    try withTemporaryFolder { folder in
      let file = DocumentFile("\(folder)/my.json")
      try file.replace(with: "{}")
      let copy = ["lolcats", file.path]
      let error = #expect(throws: ExistingFile.self) {
        try RecipesCopyCommand.parse(copy).run()
      }
      #expect(error?.exitCode == .inputOutput)
      #expect(
        error?.description
          == "\(file.path): exists and was left as it is; name another file, or give --force to "
          + "replace it")
      #expect(try file.read() == [:])
      try RecipesCopyCommand.parse(copy + ["--force"]).run()
      #expect(try file.read()["name"] == "lolcats")
    }
  }

  @Test func `An unknown recipe is answered with the nearest`() throws {
    #expect(
      message { try RecipesCopyCommand.parse(["quick/hegehog", "my.json"]).run() }
        == "There is no recipe \"quick/hegehog\"; did you mean \"quick/hedgehog\"?")
    #expect(
      message { try RecipesCopyCommand.parse(["zzzzzzzz", "my.json"]).run() }
        == "There is no recipe \"zzzzzzzz\"; `linearize recipes` lists them")
  }
}
