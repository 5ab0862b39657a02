import ArgumentParser
import Models
import Pipeline

struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Adds a student's adapters into its projections.",
    discussion: """
      Writes the student as an artefact whose adapted projections stand in full, beside the same \
      teacher: a model for every command, and a student like one that was never adapted. To write a \
      whole model at once use export --merge.

      EXAMPLES
        linearize merge --model runs/lolcats --output merged.h5
      """)

  @OptionGroup var options: ModelOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The artefact to write; nothing may be there.", valueName: "path"),
    completion: .file(extensions: ["h5"]))
  var output: String

  func run() throws {
    try StudentMerge(try options.open()).run(to: output)
    options.log(output)
  }
}
