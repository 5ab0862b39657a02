import ArgumentParser
import Documents
import Pipeline

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Reports every mistake of a recipe or a study at once, without running it.",
    discussion: """
      Makes the checks that a run begins with: every file that the recipe names, the teacher's \
      headers, and whether student, stages and text fit it. Of a study every run is checked.

      EXAMPLES
        linearize validate --recipe recipes/lolcats.json
        linearize validate --recipe recipes/lolcats.json --set stages[0].steps=30 --print
        linearize validate --recipe recipes/study-feature-maps.json
      """)

  @OptionGroup var options: RecipeOptions

  @Flag(
    name: .customLong("print"),
    help: "Print the resolved recipe: overrides applied, every default spelled out.")
  var printsResolved = false

  @Flag(help: "Do not look whether the teacher's and the text's files exist, and fit the student.")
  var skipInputs = false

  func run() throws {
    if Study.isStudy(at: options.recipe) {
      try validateStudy()
      return
    }
    let loaded = try options.load()
    if !skipInputs { _ = try Preflight(loaded) }
    if printsResolved {
      try Console.output(loaded.resolved.pretty)
    } else {
      let stages = loaded.recipe.stages.map(\.id).joined(separator: ", ")
      try Console.output("\(options.recipe): no mistakes; \(stages)\n")
    }
  }
  private func validateStudy() throws {
    if printsResolved || !options.overrides.isEmpty || options.seed != nil {
      throw ValidationError(
        "--set, --seed and --print are for recipes; \(options.recipe) is a study, whose variants "
          + "change its recipes.")
    }
    let study = try Study(path: options.recipe, output: options.output) { run in
      if !skipInputs { _ = try Preflight(run.loaded) }
    }
    try Console.output("\(options.recipe): no mistakes; \(study.runs.count) runs\n")
  }
}
