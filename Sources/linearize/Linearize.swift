import ArgumentParser
import Checkpoints
import Documents
import Foundation
import Models
import Pipeline

/// The root of the command line.
@main
struct Linearize: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "linearize",
    abstract: "Converts softmax transformers to linear attention.",
    discussion: """
      EXIT STATUS
        0   done
        1   a threshold of the recipe was missed
        64  wrong usage
        65  an input is malformed
        66  an input is missing
        70  a mistake of this program
        74  a file could not be read or written
        75  stopped by a signal, after saving or before all was answered
        78  the recipe is wrong
      """,
    version: EnvironmentReport.version,
    subcommands: [
      RunCommand.self, ValidateCommand.self, InspectCommand.self, EvaluateCommand.self,
      BenchmarkCommand.self, CompareCommand.self, StudyCommand.self, GenerateCommand.self,
      ServeCommand.self, TokenizeCommand.self,
      ActivationsCommand.self, EmbedCommand.self,
      ExportCommand.self, MergeCommand.self, ListCommand.self, RecipesCommand.self,
      EnvironmentCommand.self,
      SchemaCommand.self,
    ], defaultSubcommand: RunCommand.self)

  /// The one place where errors become messages and exit statuses.
  static func main() {
    do {
      try ProcessStart.prepare()
      let arguments = CommandLine.arguments
      if arguments.count == 3, arguments[1] == HDF5Trial.argument { HDF5Trial.run(arguments[2]) }
      HDF5Trial.enable(program: "/proc/self/exe")
      var command = try parseAsRoot()
      try command.run()
    } catch let error as any ExitCoded {
      fail("\(error)", error.exitCode)
    } catch  where exitCode(for: error) == .failure && !(error is ArgumentParser.ExitCode) {
      if let failure = SystemFailure(error) { fail("\(failure)", failure.exitCode) }
      fail("\(error)", .internalError)
    } catch {
      // Help, version and usage errors: the parser knows how to say them.
      exit(withError: error)
    }
  }

  private static func fail(_ message: String, _ code: Documents.ExitCode) -> Never {
    Console.log("error: " + message)
    Foundation.exit(code.rawValue)
  }
}
