import ArgumentParser
import Documents
import Evaluation
import Models
import Pipeline

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes a model for transformers, for llama.cpp, or its adapters for PEFT.",
    discussion: """
      A folder holds safetensors, config.json and the tokenizer. Frozen tensors equal the \
      teacher's; quantised ones become float32 unless --dtype says otherwise. A student's own \
      tensors stand beside them, described in config.json under "linearize", and the folder is a \
      model for every command again. A teacher is exported likewise, for example from GGUF.

      A GGUF file holds what llama.cpp has code for: teachers, with adapters merged if they were \
      adapted, RAD-RWKV6, RAD-RWKV7 without rotary positions and balanced state, and hybrids as of \
      --format qwen3.5 and granite-hybrid. Anything else is refused.

      --format qwen3.5 writes a Qwen 3 teacher's hybrid, gated delta nets in some layers and softmax in \
      others, as a folder that transformers 5 opens as a text model of Qwen3.5, with its own code; --format \
      granite-hybrid a Llama-like teacher's hybrid of mamba-2 as a GraniteMoeHybrid.

      --format peft writes a student's adapters as a folder that PEFT opens, and in it, as base, the \
      student without them.

      EXAMPLES
        linearize export --model runs/lolcats --output exported
        linearize export --model runs/lolcats --output exported --merge --dtype bfloat16
        linearize export --model teacher.gguf --output teacher
        linearize export --model runs/lolcats --step 100 --output after-100
        linearize export --model runs/radlads-rwkv6 --format gguf --type q8_0 --output student.gguf
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument {
    case safetensors, gguf, peft
    case qwen35 = "qwen3.5"
    case graniteHybrid = "granite-hybrid"
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

  enum FileType: String, CaseIterable, ExpressibleByArgument {
    // swift-format-ignore: AlwaysUseLowerCamelCase
    case f32, f16, bf16, q8_0, q4_1, q4_k

    var exportType: GGUFType {
      switch self {
      case .f32: .f32
      case .f16: .f16
      case .bf16: .bf16
      case .q8_0: .q8_0
      case .q4_1: .q4_1
      case .q4_k: .q4_k
      }
    }
  }

  @OptionGroup var options: ModelOptions

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The folder to make; it must be empty or not there. With --format gguf the file.",
      valueName: "path"), completion: .directory)
  var output: String

  @Option(help: "A folder of safetensors, one GGUF file, adapters, or a folder as other models.")
  var format = Format.safetensors

  @Option(
    help: "Type of a GGUF file's matrices. (default: as stored; small ones stay f32)")
  var type: FileType?

  @Flag(help: "Add low-rank updates into their projections instead of keeping them apart.")
  var merge = false

  @Option(help: "Type of all tensors. (default: as stored, float32 if quantised)")
  var dtype: ElementType?

  @Option(
    help: ArgumentHelp(
      "Bytes of tensors in one file at most, as 5GB, 500MB or a number.", valueName: "size"))
  var maxShardSize = "5GB"

  @Option(
    help: ArgumentHelp(
      "Of a run's folder: the student as a checkpoint of this step has it.", valueName: "step"))
  var step: Int?

  @Option(
    help: ArgumentHelp(
      "The stage whose step it is, where several have a checkpoint of it.", valueName: "id"))
  var stage: String?

  func validate() throws {
    _ = try shardBytes()
    if let type, format != .gguf {
      throw ValidationError("--type \(type.rawValue) is of --format gguf; use --dtype here.")
    }
    if let dtype, format == .gguf {
      throw ValidationError(
        "--dtype \(dtype.rawValue) is not of --format gguf; use --type here.")
    }
    if merge, format == .peft {
      throw ValidationError("--merge leaves no adapters; --format peft writes them.")
    }
    if stage != nil, step == nil { throw ValidationError("--stage is for --step.") }
  }

  private func open() throws -> LoadedModel {
    guard let step else { return try options.open() }
    return try LoadedModel.open(
      checkpointOf: options.model, step: step, stage: stage, teacher: options.teacher)
  }

  func run() throws {
    if format == .gguf { try OutputFile.check([output], inputs: [options.model]) }
    switch format {
    case .safetensors:
      let export = ModelExport(
        try open(), type: dtype?.exportType, mergesAdapters: merge,
        shardBytes: try shardBytes())
      let names = try export.run(to: output)
      options.log("\(output): \(names.joined(separator: ", "))")
    case .peft:
      let export = AdapterExport(
        try open(), type: dtype?.exportType, shardBytes: try shardBytes())
      let names = try export.run(to: output)
      options.log("\(output): \(names.joined(separator: ", "))")
    case .qwen35: try run(as: .qwen35)
    case .graniteHybrid: try run(as: .graniteHybrid)
    case .gguf:
      let export = GGUFExport(
        try open(), type: type?.exportType, mergesAdapters: merge)
      let bytes = try export.run(to: output)
      options.log("\(output): \(bytes) bytes")
    }
  }

  private func run(as native: NativeModel) throws {
    let export = NativeExport(
      try open(), as: native, type: dtype?.exportType, mergesAdapters: merge,
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
