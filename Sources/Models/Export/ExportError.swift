import Documents

/// Why a model cannot be exported.
public enum ExportError: ExitCoded, Equatable, CustomStringConvertible {
  /// The output exists and is not an empty folder.
  case occupied(path: String, found: String)
  case overflow(tensor: String, value: Float)
  /// Other programs have no code for something of the model.
  case notCarried(path: String, found: String, expected: String)
  /// What a GGUF file has no place for, or llama.cpp no code.
  case notInGGUF(path: String, architecture: String, refusals: [Refusal])
  /// What a model that other programs have the code for does not compute.
  case notNative(path: String, model: String, refusals: [Refusal])
  /// What PEFT has no form for.
  case notInPEFT(path: String, found: String, expected: String)
  /// An exported folder, which is one with its teacher.
  case notMergedApart(path: String)
  /// There are no low-rank updates to write.
  case noAdapters(path: String)
  /// The file to write is there.
  case fileExists(path: String)
  /// A file of the teacher that should be copied.
  case notWritten(path: String, operation: String, reason: String)

  /// Something of a model that another program cannot run, and what would fit.
  public struct Refusal: Sendable, Equatable {
    let found, expected: String

    fileprivate var words: String { "found \(found); what would fit: \(expected)" }
  }

  public var exitCode: ExitCode {
    switch self {
    case .occupied, .notCarried, .notInGGUF, .notNative, .notInPEFT, .notMergedApart, .noAdapters,
      .fileExists:
      .usage
    case .overflow: .badData
    case .notWritten: .inputOutput
    }
  }

  public var description: String {
    switch self {
    case .occupied(let path, let found):
      "\(path): \(found); expected an empty folder or nothing. Choose another with --output. "
        + "Nothing was changed"
    case .overflow(let tensor, let value):
      "\(tensor): the value \(value) is beyond float16, which ends at 65504; export with --dtype "
        + "bfloat16 or float32"
    case .notCarried(let path, let found, let expected):
      "\(path): \(found) has no code in exported folders, so that transformers would run another "
        + "model; what would fit: \(expected). Nothing was written"
    case .notInGGUF(let path, let architecture, let refusals):
      "\(path): llama.cpp has no code for this model"
        + (architecture == "none" ? "" : " (as \(architecture))") + ": "
        + refusals.map(\.words).joined(separator: ". ") + ". Nothing was written"
    case .notNative(let path, let model, let refusals):
      "\(path): is no hybrid that \(model)'s code computes: "
        + refusals.map(\.words).joined(separator: ". ") + ". Nothing was written"
    case .notInPEFT(let path, let found, let expected):
      "\(path): \(found) is no adapter of PEFT's; what would fit: \(expected). Nothing was written"
    case .notMergedApart(let path):
      "\(path): is an exported folder, which holds its teacher; merge it with export --merge. "
        + "Nothing was written"
    case .noAdapters(let path):
      "\(path): has no low-rank updates apart from its weights; expected a student with adapters. "
        + "Nothing was written"
    case .fileExists(let path):
      "\(path): exists; expected nothing there. Choose another with --output. Nothing was changed"
    case .notWritten(let path, let operation, let reason): "\(path): cannot \(operation): \(reason)"
    }
  }
}
