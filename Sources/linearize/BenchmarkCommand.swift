import ArgumentParser
import Documents
import Evaluation
import Foundation
import Models
import Pipeline
import Reports
import Results
import Transformers

struct BenchmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmark",
    abstract: "Measures prefill and decode speed, and state memory, against context length.",
    discussion: """
      Of a student, the teacher it stands on is measured in the same run, the two taking turns, and \
      the context length from which on the student is faster is said. A table goes to standard \
      output; --output also keeps benchmark.json. Lengths for which there is no time are left out, \
      with the reason.

      EXAMPLES
        linearize benchmark --model runs/lolcats
        linearize benchmark --model teacher.gguf --lengths 512,4096 --steps 8 --json
        linearize benchmark --model runs/lolcats --max-seconds 1800 --output runs/lolcats
      """)

  @OptionGroup var options: ModelOptions

  @Option(
    help: ArgumentHelp(
      "Context lengths in tokens. (default: 512 doubled up to 32768, as far as learned positions go)",
      valueName: "a,b,…"),
    transform: Self.lengths)
  var lengths: [Int]?

  @Option(help: "Seconds at most; what would take longer is left out.")
  var maxSeconds: Double = 300

  @Option(help: "Tokens generated at each length; their median time counts.")
  var steps = 16

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Folder for benchmark.json; made when it is not there.", valueName: "path"),
    completion: .directory)
  var output: String?

  @Flag(help: "Print benchmark.json instead of a table.")
  var json = false

  func validate() throws {
    if steps < 1 { throw ValidationError("--steps is \(steps), expected 1 or more.") }
    if !(maxSeconds > 0 && maxSeconds <= 1e9) {
      throw ValidationError("--max-seconds is \(maxSeconds), expected more than 0, at most 1e9.")
    }
  }

  func run() throws {
    // Before the work, not after it.
    if let output { try EvaluationFiles.makeFolder(output) }
    let model = try options.open()
    try model.requireDecoder(for: "decoding")
    let measured =
      lengths
      ?? SpeedMeasurement.lengths(
        SpeedMeasurement.defaultLengths, within: model.decoder.lengthLimit, steps: steps)
    let measurement = SpeedMeasurement(
      lengths: measured, steps: steps, maximumSeconds: maxSeconds,
      clock: { ProcessInfo.processInfo.systemUptime })
    let teacher = model.student == nil ? model.decoder : model.decoder.original
    var progress = Console.progress(quiet: options.quiet)
    var read = 0
    let result = try measurement.run(
      teacher: teacher, student: model.student == nil ? nil : model.decoder
    ) { done, total in
      if done == 0 {
        progress.begin(stage: "benchmark, prompt tokens", totalSteps: total)
      } else {
        progress.update(step: done, tokens: done - read)
      }
      read = done
    }
    progress.end()
    let document = Self.document(result, of: model, measurement)
    if let output {
      try DocumentFile(output + "/benchmark.json").replace(with: document.pretty)
    }
    try Console.output(json ? document.pretty : result.text)
    if let output { options.log("\(output)/benchmark.json") }
  }

  private static func document(
    _ result: SpeedResult, of model: LoadedModel, _ measurement: SpeedMeasurement
  ) -> JSONValue {
    var document = JSONObject([
      ("program", .string("linearize \(EnvironmentReport.version)")),
      ("model", .string(model.location)),
      ("weights", .string(model.source.location)),
      ("lengths", .array(measurement.lengths.map { .integer($0) })),
      ("steps", .integer(measurement.steps)),
      ("maximumSeconds", .number(measurement.maximumSeconds)),
    ])
    for (key, value) in result.document.objectValue?.members ?? [] { document[key] = value }
    document["peakMemoryBytes"] = .integer(ProcessMemory.peakBytes)
    document["environment"] =
      EnvironmentReport.current(libraries: NativeLibraries.versions).document
    return .object(document)
  }

  private static func lengths(_ text: String) throws -> [Int] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let length = Int(part), length > 0 else {
        throw ValidationError(
          "--lengths is \(text), expected numbers of tokens, each 1 or more, such as 512,1024.")
      }
      return length
    }
  }
}
