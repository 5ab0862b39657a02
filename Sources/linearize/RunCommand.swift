import ArgumentParser
import Documents
import Foundation
import Models
import Pipeline

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Carries out a recipe: transfer, adaptation, evaluation, report.",
    discussion: """
      EXAMPLES
        linearize --recipe recipes/lolcats.json
        linearize run --recipe recipes/lolcats.json --resume
        linearize run --recipe recipes/lolcats.json --set stages[0].steps=30 --output runs/short
        linearize run --recipe recipes/lolcats-llama-3-8b.json --dry-run
      """)

  @OptionGroup var options: RecipeOptions

  @Flag(help: "Continue the run in the output folder; without one, start it.")
  var resume = false

  @Flag(help: "Print plan, memory, disk and time from headers and file sizes alone; write nothing.")
  var dryRun = false

  @Flag(help: "No progress on standard error.")
  var quiet = false

  func run() throws {
    let loaded = try options.load()
    if dryRun {
      try Console.output(try ConversionPlan(try Preflight(loaded)).text)
      return
    }
    let progress = ProgressReporter.standardError(
      quiet: quiet, environment: ProcessInfo.processInfo.environment, write: Console.write)
    let result = try Conversion(
      loaded, resume: resume, interruption: .catchingSignals(), progress: progress,
      environment: EnvironmentReport.current(libraries: NativeLibraries.versions).document
    ).run()
    try Console.output(result.summary)
    if result.code != .success { throw ArgumentParser.ExitCode(result.code.rawValue) }
  }
}
