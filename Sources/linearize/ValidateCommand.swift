import ArgumentParser
import Documents
import Pipeline

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Reports every mistake of a recipe at once, without running it.",
    discussion: """
      EXAMPLES
        linearize validate --recipe recipes/lolcats.json
        linearize validate --recipe recipes/lolcats.json --set stages[0].steps=30 --print
      """)

  @OptionGroup var options: RecipeOptions

  @Flag(
    name: .customLong("print"),
    help: "Print the resolved recipe: overrides applied, every default spelled out.")
  var printsResolved = false

  @Flag(help: "Do not look whether the teacher's and the text's files exist, and fit the student.")
  var skipInputs = false

  func run() throws {
    let loaded = try options.load()
    if !skipInputs {
      try loaded.checkInputs()
      try loaded.checkStudent()
    }
    if printsResolved {
      try Console.output(loaded.resolved.pretty)
    } else {
      let stages = loaded.recipe.stages.map(\.name).joined(separator: ", ")
      try Console.output("\(options.recipe): no mistakes; \(stages)\n")
    }
  }
}
