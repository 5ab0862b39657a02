import Documents
import Testing

@testable import Pipeline

@Suite struct RecipeOverrideTests {
  @Test(
    arguments: [
      ("a=7", 7), ("a=0.5", 0.5), ("a=true", true), ("a=null", nil), ("a=runs/x", "runs/x"),
      ("a=", ""), (#"a="7""#, "7"), ("a=[1, 2]", [1, 2]), ("a=b=c", "b=c"), ("a=1e", "1e"),
      (#"a={"b": 1}"#, ["b": 1]), ("a=01", "01"),
    ] as [(String, JSONValue)])
  func `A value is JSON when it parses as JSON and a string otherwise`(
    _ text: String, _ expected: JSONValue
  ) throws {
    #expect(
      try RecipeOverride(parsing: text) == RecipeOverride(path: JSONPath("a")!, value: expected))
  }

  @Test(arguments: ["a", "=1", "a..b=1", "~", "~a=1", "a[=1", ""])
  func `What is no override is a usage error with an example`(_ text: String) {
    let error = #expect(throws: RecipeError.self) { try RecipeOverride(parsing: text) }
    #expect(error?.exitCode == .usage)
    #expect(
      error?.description
        == "--set \(text): expected path=value or ~path, such as stages[0].steps=30, "
        + "output=runs/trial or ~data.test")
  }

  @Test func `The command line wins over the recipe, the later override over the earlier`() throws {
    let recipe = try SampleRecipe.load([
      "seed=1", "seed=2", "stages.attention-transfer.steps=9", "stages[1].optimizer.epsilon=1e-6",
      "~stages.1.epochs", "stages.1.steps=4",
    ]).recipe
    #expect(recipe.seed == 2)
    #expect(recipe.stages[0].training?.length == .steps(9))
    #expect(recipe.stages[1].training?.optimizer.epsilon == 1e-6)
    #expect(recipe.stages[1].training?.length == .steps(4))
  }

  @Test func `Overrides that lead nowhere are all reported at once`() throws {
    #expect(
      try SampleRecipe.mistakes([
        "stages[9].steps=1", "name.first=x", "~tacher", "stages.attention.steps=1",
      ]) == [
        "--set stages.9.steps: stages.9.steps asks for element 9 of an array of 3; "
          + "indices run from 0 to 2",
        "--set name.first: name is the string \"sample\", so name.first leads nowhere; "
          + "set name itself",
        "--set tacher: there is no \"tacher\" to remove at tacher; did you mean \"teacher\"?",
        "--set stages.attention.steps: no element of the array is named \"attention\" in "
          + "stages.attention.steps",
      ])
  }
}
