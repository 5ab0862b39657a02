import ArgumentParser
import Documents
import Evaluation
import Foundation
import Models
import Pipeline
import Reports
import Results

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measures a model on text, tasks and recall, and says what its memory is worth.",
    discussion: """
      Text is cut into windows that do not overlap; the first token of each is not scored, a \
      remainder is left out. Tasks are lm-eval's: a task file (data/tasks/*.json), or a JSONL file \
      of query, choices, gold or of context, continuation.

      A student is measured beside its teacher, its window alone, its memory alone, no \
      attention, and the untrained teacher with the same window and attention sinks; \
      --student-only leaves those out. A table goes to standard output; --output also keeps \
      results.json (in lm-eval's form), report.html, report.md, junit.xml, samples_TASK.jsonl and \
      fidelity.h5. A missed threshold makes the exit status 1.

      EXAMPLES
        linearize evaluate --model runs/lolcats --text test.txt --task data/tasks/arc_easy.json \\
          --limit 300 --output runs/lolcats-test
        linearize evaluate --model teacher.gguf --tokens ids.json --sequence-length 1024 \\
          --max-sequences 20 --output teacher-test
        linearize evaluate --model runs/lolcats --text test.txt \\
          --threshold "perplexityRatio<=1.5" --baseline monday/results.json --output tuesday
      """)

  @OptionGroup var options: ModelOptions
  @OptionGroup(title: "What to measure") var measured: MeasuredOptions
  @OptionGroup(title: "Gates") var gates: GateOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Folder for results and report; made when it is not there.", valueName: "path"),
    completion: .directory)
  var output: String?

  @Flag(help: "Print results.json instead of a table.")
  var json = false

  func run() throws {
    // Before the work, not after it.
    let lock = try output.flatMap(EvaluationFiles.claim)
    defer { withExtendedLifetime(lock) {} }
    let judge = try gates.prepare()
    let model = try options.open()
    let evaluation = ModelEvaluation(model)
    let progress = Console.evaluationProgress(quiet: options.quiet)
    var (report, samples) = try evaluation.run(
      measured.request(of: evaluation, model: model), progress: progress)
    report.commands = [Console.commandLine]
    // What was measured is kept, also when the baseline turns out to be of other samples.
    var mismatch: (any Error)?
    do {
      try judge(&report)
    } catch {
      mismatch = error
      report.notes.append("The baseline was not compared: \(error)")
    }
    if let output,
      let warning = try EvaluationFiles.write(report, samples: samples, to: output)
    {
      options.log(warning)
    }
    try Console.output(json ? report.document.pretty : report.terminalTable)
    if let output { options.log("\(output)/report.html, \(output)/results.json") }
    if let mismatch { throw mismatch }
    if !report.keepsThresholds { throw MissedThresholds(report) }
  }
}

/// Text, tasks, and what is measured beside them.
struct MeasuredOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Token ids: a JSON list, or a list of lists, each cut by itself.", valueName: "path"),
    completion: .file(extensions: ["json"]))
  var tokens: String?

  @Option(
    help: ArgumentHelp(
      "A text, or JSONL of documents (text), each cut by itself; encoded without special tokens.",
      valueName: "path"),
    completion: .file())
  var text: String?

  @Option(help: "Tokens of a window. (default: 1024, or the model's learned positions if fewer)")
  var sequenceLength: Int?

  @Option(help: "Windows at most. (default: all)")
  var maxSequences: Int?

  @Option(
    help: ArgumentHelp(
      "A task: its file, or JSONL of llm-foundry's form; TASK.json=ROWS.jsonl reads other rows.",
      valueName: "path"),
    completion: .file(extensions: ["json", "jsonl"]))
  var task: [String] = []

  @Option(help: "Samples of each task at most. (default: all)")
  var limit: Int?

  @Option(help: "Solved examples before each context. (default: as the task says)")
  var shots: Int?

  @Flag(help: "Of a student, measure nothing beside it.")
  var studentOnly = false

  @Flag(
    inversion: .prefixedNo, help: "Ask for what stands in the context. (default: of a student)")
  var recall: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: "Compare a student's attention with its teacher's, head by head.")
  var fidelity = true

  @Option(
    help: ArgumentHelp(
      "Time reading and decoding at these context lengths, such as 512,1024.", valueName: "lengths")
  )
  var speed: String?

  func validate() throws {
    if tokens != nil, text != nil {
      throw ValidationError("Give either --tokens or --text.")
    }
    if tokens == nil, text == nil, task.isEmpty, recall != true, speed == nil {
      throw ValidationError(
        "Nothing to measure: give --text, --tokens, --task, --recall or --speed.")
    }
    if let sequenceLength, sequenceLength < 2 {
      throw ValidationError(
        "--sequence-length is \(sequenceLength), expected at least 2: the first token is not scored."
      )
    }
    if let maxSequences, maxSequences < 1 {
      throw ValidationError("--max-sequences is \(maxSequences), expected at least 1.")
    }
    if let limit, limit < 1 {
      throw ValidationError("--limit is \(limit), expected at least 1.")
    }
    if let shots, shots < 0 {
      throw ValidationError("--shots is \(shots), expected at least 0.")
    }
    _ = try speed.map(ContextLengths.init)
  }

  func request(of evaluation: ModelEvaluation, model: LoadedModel) throws
    -> ModelEvaluation.Request
  {
    let isStudent = model.student != nil
    return ModelEvaluation.Request(
      source: tokens.map { .tokens($0) } ?? text.map { .text($0) },
      sequenceLength: sequenceLength ?? evaluation.defaultSequenceLength,
      maximumSequences: maxSequences,
      tasks: task.map { argument in
        let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
        return parts.count == 2 && parts[0].hasSuffix(".json")
          ? .init(path: parts[0], data: parts[1]) : .init(path: argument)
      },
      limit: limit, shots: shots, studentOnly: studentOnly,
      recall: recall ?? (isStudent && !studentOnly) ? RecallPlan() : nil,
      fidelity: fidelity && isStudent && (text ?? tokens) != nil ? FidelityPlan() : nil,
      speed: try speed.map { SpeedPlan(lengths: try ContextLengths($0).lengths) })
  }
}

/// `512,1024,2048`.
struct ContextLengths {
  let lengths: [Int]

  init(_ text: String) throws {
    lengths = try text.split(separator: ",", omittingEmptySubsequences: false).map {
      guard let length = Int($0), length > 0 else {
        throw ValidationError("\"\(text)\": found \"\($0)\", expected a number of tokens.")
      }
      return length
    }
    guard lengths == lengths.sorted() else {
      throw ValidationError("\"\(text)\": expected ascending lengths.")
    }
  }
}

/// What the results are held to.
struct GateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A bound, such as \"perplexityRatio<=1.5\", \"linearShare>=0.5\" or \"arc_easy/acc>=0.4\".",
      valueName: "bound"))
  var threshold: [String] = []

  @Option(
    help: ArgumentHelp("A results.json that must not be fallen behind.", valueName: "path"),
    completion: .file(extensions: ["json"]))
  var baseline: String?

  @Option(
    help: "How far behind the baseline is still well: of accuracies absolute, else relative.")
  var tolerance = 0.01

  func validate() throws {
    if !(tolerance >= 0 && tolerance.isFinite) {
      throw ValidationError("--tolerance is \(tolerance), expected at least 0.")
    }
  }

  /// Reads bounds and baseline, so that their mistakes end the command before its work.
  func prepare() throws -> (inout EvaluationReport) throws -> Void {
    let gates = try threshold.map(Gate.init)
    let stored = try baseline.map {
      try StoredResults(try DocumentFile($0).read(), path: $0)
    }
    return { report in
      report.judge(gates.map { ($0.measure, $0.minimum, $0.maximum) })
      if let stored { try report.judge(baseline: stored, tolerance: tolerance) }
    }
  }
}

/// Thresholds that were missed, by name.
struct MissedThresholds: ExitCoded, CustomStringConvertible {
  let description: String

  init(_ report: EvaluationReport) {
    description =
      "missed "
      + report.verdicts.filter { !$0.isKept }.map {
        "\($0.measure) (\($0.value.map(Figures.significant) ?? "not measured"), expected \($0.bounds)"
          + ($0.origin.map { ", \($0)" } ?? "") + ")"
      }.joined(separator: ", ")
  }

  var exitCode: Documents.ExitCode { .thresholdMissed }
}
