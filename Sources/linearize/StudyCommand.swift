import ArgumentParser
import Documents
import Foundation
import Models
import Pipeline

struct StudyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "study",
    abstract: "Carries recipes out with several values, and puts their results in one table.",
    discussion: """
      A study names recipes, variants that change some of their values, and the measures to compare \
      by. Every run has its folder below the study's, is resumed when it was interrupted and left \
      alone when it is done, so the same command continues a study. Runs can be looked at one by \
      one, or with linearize compare.

      EXAMPLES
        linearize study recipes/study-feature-maps.json
        linearize compare runs/study-feature-maps/conversion/*
      """)

  @Argument(help: "The study, a JSON document.", completion: .file(extensions: ["json"]))
  var study: String

  @Option(name: .shortAndLong, help: "The study's folder, if not the document's.")
  var output: String?

  @Flag(help: "Print the table of the runs that are done; run nothing.")
  var tableOnly = false

  @Flag(help: "No progress on standard error.")
  var quiet = false

  func run() throws {
    // What would stop a later run is said before the first.
    let study = try Study(path: study, output: output) { run in
      if !tableOnly, try !RunStatus.isFinished(run.loaded.recipe.output) {
        _ = try Preflight(run.loaded)
      }
    }
    if !tableOnly {
      let environment = EnvironmentReport.current(libraries: NativeLibraries.versions).document
      let interruption = Interruption.catchingSignals()
      for run in study.runs {
        let folder = run.loaded.recipe.output
        if try RunStatus.isFinished(folder) { continue }
        if !quiet { Console.log("\(run.recipe), \(run.variant)") }
        // A threshold that one variant misses is a result, not the end of the study.
        _ = try Conversion(
          run.loaded, resume: true, interruption: interruption,
          progress: .standardError(
            quiet: quiet, environment: ProcessInfo.processInfo.environment, write: Console.write),
          environment: environment
        ).run()
      }
    }
    let table = try study.table()
    if !tableOnly {
      try DocumentFile("\(study.output)/study.md").replace(
        with: "# \(study.name)\n\n" + table.markdown)
    }
    try Console.output(table.terminal)
  }
}
