import ArgumentParser
import Documents
import Evaluation
import Foundation
import Pipeline

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measures perplexity on token ids or on a text.",
    discussion: """
      The tokens are cut into windows that do not overlap; the first token of each is not scored, \
      a remainder is left out. A table goes to standard output; --output also keeps results.json \
      and report.md.

      EXAMPLES
        linearize evaluate --model runs/lolcats --text test.txt --output runs/lolcats-test
        linearize evaluate --model teacher.gguf --tokens ids.json --sequence-length 1024 \\
          --max-sequences 20 --output teacher-test
      """)

  @OptionGroup var options: ModelOptions

  @Option(
    help: ArgumentHelp(
      "Token ids: a JSON list, or a list of lists, each cut by itself.", valueName: "path"),
    completion: .file(extensions: ["json"]))
  var tokens: String?

  @Option(
    help: ArgumentHelp("A text, encoded without special tokens.", valueName: "path"),
    completion: .file())
  var text: String?

  @Option(help: "Tokens of a window. (default: 1024, or the model's learned positions if fewer)")
  var sequenceLength: Int?

  @Option(help: "Windows at most. (default: all)")
  var maxSequences: Int?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Folder for results.json and report.md; made when it is not there.", valueName: "path"),
    completion: .directory)
  var output: String?

  @Flag(help: "Of a student, measure the teacher it stands on too.")
  var withTeacher = false

  @Flag(help: "Print results.json instead of a table.")
  var json = false

  func validate() throws {
    if (tokens == nil) == (text == nil) {
      throw ValidationError("Give either --tokens or --text.")
    }
    if let sequenceLength, sequenceLength < 2 {
      throw ValidationError(
        "--sequence-length is \(sequenceLength), expected at least 2: the first token is not scored."
      )
    }
    if let maxSequences, maxSequences < 1 {
      throw ValidationError("--max-sequences is \(maxSequences), expected at least 1.")
    }
  }

  func run() throws {
    // Before the work, not after it.
    if let output { try EvaluationFiles.makeFolder(output) }
    let model = try options.open()
    let evaluation = ModelEvaluation(model)
    var progress = Console.progress(quiet: options.quiet)
    var name: String?
    var read = 0
    let source: ModelEvaluation.Source = tokens.map { .tokens($0) } ?? .text(text ?? "")
    var results = try evaluation.run(
      source, sequenceLength: sequenceLength ?? evaluation.defaultSequenceLength,
      maximumSequences: maxSequences, measuresTeacher: withTeacher
    ) { measured, done, count, result in
      if name != measured {
        progress.end()
        progress.begin(stage: measured, totalSteps: count)
        (name, read) = (measured, 0)
      }
      if done == 0 { return }
      progress.update(
        step: done, tokens: result.tokens - read, measures: [("perplexity", result.perplexity)])
      read = result.tokens
    }
    progress.end()
    results.commands = [commandLine]
    if let output { try EvaluationFiles.write(results, to: output) }
    try Console.output(json ? results.document.pretty : results.terminalTable)
    if let output { options.log("\(output)/report.md, \(output)/results.json") }
  }

  private var commandLine: String {
    (["linearize"] + CommandLine.arguments.dropFirst()).map(Self.quoted).joined(separator: " ")
  }

  /// As a shell reads it.
  private static func quoted(_ argument: String) -> String {
    let isPlain =
      !argument.isEmpty
      && argument.unicodeScalars.allSatisfy {
        $0.properties.isAlphabetic || ("0"..."9").contains($0)
          || "-_./=,:+".unicodeScalars
            .contains($0)
      }
    return isPlain ? argument : "'" + argument.replacing("'", with: "'\\''") + "'"
  }
}
