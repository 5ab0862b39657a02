import ArgumentParser
import Evaluation
import Models
import Pipeline

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes a model as a folder of safetensors with config.json and tokenizer.",
    discussion: """
      Frozen tensors equal the teacher's; quantised ones become float32 unless --dtype says \
      otherwise. A student's own tensors stand beside them, described in config.json under \
      "linearize", and the folder is a model for every command again. A teacher is exported \
      likewise, for example from GGUF.

      EXAMPLES
        linearize export --model runs/lolcats --output exported
        linearize export --model runs/lolcats --output exported --merge --dtype bfloat16
        linearize export --model teacher.gguf --output teacher
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument {
    case safetensors
  }

  enum ElementType: String, CaseIterable, ExpressibleByArgument {
    case float32, bfloat16, float16

    var exportType: ExportType {
      switch self {
      case .float32: .float32
      case .bfloat16: .bfloat16
      case .float16: .float16
      }
    }
  }

  @OptionGroup var options: ModelOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The folder to make; it must be empty or not there.", valueName: "path"),
    completion: .directory)
  var output: String

  @Option(help: "The format of the weights.")
  var format = Format.safetensors

  @Flag(help: "Add low-rank updates into their projections instead of keeping them apart.")
  var merge = false

  @Option(help: "Type of all tensors. (default: as stored, float32 if quantised)")
  var dtype: ElementType?

  @Option(
    help: ArgumentHelp(
      "Bytes of tensors in one file at most, as 5GB, 500MB or a number.", valueName: "size"))
  var maxShardSize = "5GB"

  func validate() throws { _ = try shardBytes() }

  func run() throws {
    let export = ModelExport(
      try options.open(), type: dtype?.exportType, mergesAdapters: merge,
      shardBytes: try shardBytes())
    let names = try export.run(to: output)
    options.log("\(output): \(names.joined(separator: ", "))")
  }

  private func shardBytes() throws -> Int {
    let units = [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000)]
    let text = maxShardSize.uppercased()
    let (digits, factor) =
      units.first { text.hasSuffix($0.0) }.map { (text.dropLast(2), $0.1) } ?? (text[...], 1)
    guard let count = Int(digits), count > 0 else {
      throw ValidationError(
        "--max-shard-size is \(maxShardSize), expected a size such as 5GB, 500MB or 1000000.")
    }
    let (bytes, isTooLarge) = count.multipliedReportingOverflow(by: factor)
    return isTooLarge ? .max : bytes
  }
}
