import Documents

/// Why a model cannot be exported.
public enum ExportError: ExitCoded, Equatable, CustomStringConvertible {
  /// The output exists and is not an empty folder.
  case occupied(path: String, found: String)
  case overflow(tensor: String, value: Float)
  /// Other programs have no code for something of the model.
  case notCarried(path: String, found: String, expected: String)
  /// A file of the teacher that should be copied.
  case notWritten(path: String, operation: String, reason: String)

  public var exitCode: ExitCode {
    switch self {
    case .occupied, .notCarried: .usage
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
    case .notWritten(let path, let operation, let reason): "\(path): cannot \(operation): \(reason)"
    }
  }
}
