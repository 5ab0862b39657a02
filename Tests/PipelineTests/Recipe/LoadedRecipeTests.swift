import Documents
import Foundation
import TestSupport
import Testing

@testable import Pipeline

@Suite struct LoadedRecipeTests {
  @Test func `A recipe file that is not there, a folder, or not JSON says so with the path tried`()
    throws
  {
    try withTemporaryFolder { folder in
      let missing = #expect(throws: RecipeError.self) {
        try LoadedRecipe(path: folder + "/none.json")
      }
      #expect(missing?.exitCode == .missingInput)
      #expect(
        missing?.description
          == "\(folder)/none.json: does not exist (tried \(folder)/none.json); "
          + "a recipe's path is relative to the current directory")
      let directory = #expect(throws: RecipeError.self) { try LoadedRecipe(path: folder) }
      #expect(directory?.description.contains("is a folder, expected a recipe") == true)

      let path = folder + "/recipe.json"
      try DocumentFile(path).replace(with: "{\n  \"name\": \"x\",\n  \"name\": \"y\"\n}")
      let malformed = #expect(throws: RecipeError.self) { try LoadedRecipe(path: path) }
      #expect(malformed?.exitCode == .recipe)
      #expect(
        malformed?.description
          == "\(path): line 3, column 3 (byte 19): the key \"name\" is given twice")

      try Data([0x7B, 0x22, 0xFF, 0x22]).write(to: URL(fileURLWithPath: path))
      let bytes = #expect(throws: RecipeError.self) { try LoadedRecipe(path: path) }
      #expect(
        bytes?.description
          == "\(path): line 1, column 2 (byte 1): this string is not valid UTF-8")
    }
  }

  @Test func `Every input that is not there is named at once, with the path that was tried`() throws
  {
    try withTemporaryFolder { folder in
      try DocumentFile(folder + "/train.txt").replace(with: "text")
      let loaded = try SampleRecipe.load([
        "teacher.path=\(folder)/teacher.gguf", "data.train[0].path=\(folder)/train.txt",
        "data.validation[0].path=\(folder)/v.txt", "data.test[0].path=\(folder)/t.txt",
      ])
      let error = #expect(throws: RecipeError.self) { try loaded.checkInputs() }
      #expect(error?.exitCode == .missingInput)
      #expect(
        error?.description == """
          sample.json: 3 missing inputs; paths in a recipe are relative to the current directory
            $.teacher.path: "\(folder)/teacher.gguf" does not exist (tried \(folder)/teacher.gguf)
            $.data.validation[0].path: "\(folder)/v.txt" does not exist (tried \(folder)/v.txt)
            $.data.test[0].path: "\(folder)/t.txt" does not exist (tried \(folder)/t.txt)
          """)
    }
  }

  @Test func `What a shipped recipe reads is missing with the script that makes it`() {
    let error = RecipeError.missingInputs(
      recipe: "r.json",
      [
        .init(
          field: "$.teacher.path", path: "models/other.gguf", absolutePath: "/w/models/other.gguf"),
        .init(
          field: "$.data.test[0].path", path: "data/text/test.jsonl",
          absolutePath: "/w/data/text/test.jsonl"),
      ])
    #expect(
      error.description == """
        r.json: 2 missing inputs; paths in a recipe are relative to the current directory
          $.teacher.path: "models/other.gguf" does not exist (tried /w/models/other.gguf)
          $.data.test[0].path: "data/text/test.jsonl" does not exist (tried /w/data/text/test.jsonl); \
        scripts/fetch-text makes it
        """)
  }
}
