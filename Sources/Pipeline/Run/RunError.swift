import Documents

/// Why a run cannot start, continue or be recorded.
public enum RunError: ExitCoded, Equatable, CustomStringConvertible {
  case notAFolder(path: String)
  /// Another process writes to this folder now.
  case inUse(path: String, owner: String)
  /// A run is in the folder, and `--resume` was not given.
  case occupied(path: String, state: String)
  /// Files with the names of a run's, but no run.
  case foreignFiles(path: String, names: [String])
  /// The folder's run was started with something else; the JSON paths that differ.
  case changed(path: String, differences: [String])
  /// A log that is shorter than the checkpoint says.
  case shortLog(path: String, bytes: Int, expected: Int)
  /// A log with something else than JSON in a line, counted from 1.
  case damagedLog(path: String, line: Int)

  public var exitCode: ExitCode {
    switch self {
    case .notAFolder, .inUse: .inputOutput
    case .occupied, .foreignFiles: .usage
    case .changed: .recipe
    case .shortLog, .damagedLog: .badData
    }
  }

  public var description: String {
    switch self {
    case .notAFolder(let path):
      "\(path): is not a folder; expected one to write the run to, or nothing. "
        + "Choose another with --output"
    case .inUse(let path, let owner):
      "\(path): in use by another run (\(owner)); wait for it to end or choose another folder "
        + "with --output"
    case .occupied(let path, let state):
      "\(path): already holds a run (\(state)); give --resume to continue it, or choose another "
        + "folder with --output. Nothing was changed"
    case .foreignFiles(let path, let names):
      "\(path): holds \(names.joined(separator: ", ")) but no recipe.json, so no run made it; "
        + "choose another folder with --output. Nothing was changed"
    case .changed(let path, let differences):
      "\(path): cannot resume, since this is not what the run was started with:"
        + differences.map { "\n  \($0)" }.joined()
        + "\nUndo the change, or choose another folder with --output"
    case .shortLog(let path, let bytes, let expected):
      "\(path): has \(bytes) bytes, but the checkpoint was made after \(expected); the file was "
        + "shortened, so the run cannot be resumed"
    case .damagedLog(let path, let line):
      "\(path): line \(line) is not the JSON that the run wrote, so the report would lack it; "
        + "bring the file back, or remove that line"
    }
  }
}
