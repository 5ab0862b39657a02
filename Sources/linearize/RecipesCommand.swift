import ArgumentParser
import Documents
import Foundation

struct RecipesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recipes",
    abstract: "Lists the recipes that come with the program, and copies one.",
    discussion: """
      EXAMPLES
        linearize recipes
        linearize recipes list --json
        linearize recipes copy lolcats my.json
        linearize recipes copy quick/hedgehog my.json --force
      """,
    subcommands: [RecipesListCommand.self, RecipesCopyCommand.self],
    defaultSubcommand: RecipesListCommand.self)
}

struct RecipesListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Lists the recipes that come with the program, a sentence each.")

  @Flag(help: "As JSON: an object of names and sentences.")
  var json = false

  func run() throws {
    let recipes = try ShippedRecipe.all()
    if json {
      let members = recipes.map { (key: $0.name, value: JSONValue.string($0.summary)) }
      return try Console.output(JSONValue.object(JSONObject(members)).pretty)
    }
    let width = recipes.map(\.name.count).max() ?? 0
    try Console.output(
      recipes.map {
        $0.name.padding(toLength: width + 2, withPad: " ", startingAt: 0) + $0.summary + "\n"
      }.joined())
  }
}

struct RecipesCopyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "copy",
    abstract: "Copies a recipe that comes with the program, to be changed.",
    discussion: """
      Paths in a recipe are relative to the folder in which `linearize run` is called, not to the \
      recipe. A study looks for its recipes beside its own file. A file that exists is left as it \
      is, with exit status 74, unless --force is given.

      EXAMPLES
        linearize recipes copy lolcats my.json
        linearize recipes copy quick/hedgehog my.json --force
      """)

  @Argument(help: "The recipe, as `linearize recipes` lists it.")
  var name: String

  @Argument(help: "The file to write.", completion: .file(extensions: ["json"]))
  var file: String

  @Flag(help: "Replace the file if there is one.")
  var force = false

  func run() throws {
    let recipe = try ShippedRecipe.named(name)
    let target = DocumentFile(file)
    let isReplaced = target.exists
    if isReplaced, !force { throw ExistingFile(path: file) }
    try target.replace(with: recipe.textWithoutSchema)
    Console.log("\(file): \(isReplaced ? "replaced by" : "written from") \(recipe.name).json")
    Console.log(
      recipe.isStudy
        ? "Copy the recipes that it names to where it says, relative to \(file)."
        : "Its paths are relative to the folder in which you call linearize.")
  }
}

/// A file that a copy would have overwritten.
struct ExistingFile: ExitCoded, Equatable, CustomStringConvertible {
  let path: String

  var exitCode: Documents.ExitCode { .inputOutput }
  var description: String {
    "\(path): exists and was left as it is; name another file, or give --force to replace it"
  }
}
