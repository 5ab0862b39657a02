import ArgumentParser
import Documents
import Pipeline

struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Prints the JSON Schema of recipes.",
    discussion: """
      EXAMPLES
        linearize schema > recipes/recipe.schema.json
      """,
    shouldDisplay: false)

  func run() throws { try Console.output(Recipe.schema.pretty) }
}
