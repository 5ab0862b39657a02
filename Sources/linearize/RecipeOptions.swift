import ArgumentParser
import Documents
import Pipeline

/// Which recipe, and what of it is changed: shared by the commands that take one.
struct RecipeOptions: ParsableArguments {
  @Option(
    name: .shortAndLong, help: "The recipe, a JSON document.",
    completion: .file(extensions: ["json"]))
  var recipe: String

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Change the recipe: path=value, or ~path to remove. May be repeated; the last wins.",
      discussion: "For example --set stages[0].steps=30 or --set stages.evaluate.sequences=4.",
      valueName: "path=value"))
  var overrides: [String] = []

  @Option(name: .shortAndLong, help: "The run's folder; the same as --set output=…")
  var output: String?

  @Option(help: "The seed of every draw; the same as --set seed=…")
  var seed: Int?

  /// - Throws: `RecipeError`.
  func load() throws -> LoadedRecipe {
    var changes = try overrides.map { try RecipeOverride(parsing: $0) }
    if let output {
      changes.append(RecipeOverride(path: JSONPath("output")!, value: .string(output)))
    }
    if let seed { changes.append(RecipeOverride(path: JSONPath("seed")!, value: .integer(seed))) }
    return try LoadedRecipe(path: recipe, overrides: changes)
  }
}
