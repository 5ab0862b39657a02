import Documents

/// Why a recipe cannot be run.
public enum RecipeError: ExitCoded, Equatable, CustomStringConvertible {
  case unreadable(path: String, absolutePath: String, reason: String)
  case malformed(path: String, JSONError)
  case mistaken(path: String, DocumentError)
  case malformedOverride(String)
  /// Files that the recipe names and that are not there: JSON path, path as written and tried.
  case missingInputs(recipe: String, [MissingInput])

  /// A file that a recipe names and that is not there.
  public struct MissingInput: Sendable, Equatable {
    /// JSON path of the field that names it.
    public var field: String
    /// The path as the recipe spells it.
    public var path: String
    /// Where that was looked for.
    public var absolutePath: String
  }

  public var exitCode: ExitCode {
    switch self {
    case .unreadable, .missingInputs: .missingInput
    case .malformed, .mistaken: .recipe
    case .malformedOverride: .usage
    }
  }

  public var description: String {
    switch self {
    case .unreadable(let path, let absolutePath, let reason):
      return "\(path): \(reason) (tried \(absolutePath)); "
        + "a recipe's path is relative to the current directory"
    case .malformed(let path, let error):
      return "\(path): \(error)"
    case .mistaken(let path, let error):
      let count = error.count
      let lines = error.lines.map { "\n  \($0)" }.joined()
      return "\(path): \(count) \(count == 1 ? "mistake" : "mistakes")\(lines)"
    case .malformedOverride(let text):
      return "--set \(text): expected path=value or ~path, such as stages[0].steps=30, "
        + "output=runs/trial or ~data.test"
    case .missingInputs(let recipe, let inputs):
      let told = 40
      let lines =
        inputs.prefix(told).map {
          "\n  \($0.field): \"\($0.path)\" does not exist (tried \($0.absolutePath))"
            + Self.remedy(for: $0.path)
        }.joined() + (inputs.count > told ? "\n  and \(inputs.count - told) more" : "")
      return "\(recipe): \(inputs.count) missing \(inputs.count == 1 ? "input" : "inputs"); "
        + "paths in a recipe are relative to the current directory\(lines)"
    }
  }

  /// What the shipped recipes read is made by scripts of this repository.
  private static let scripts = [
    "data/text/": "scripts/fetch-text",
    "models/SmolLM2-135M-Instruct.Q4_1.gguf": "scripts/fetch-teacher",
    "models/all-minilm-l6-v2": "scripts/fetch-encoder",
  ]

  private static func remedy(for path: String) -> String {
    guard let script = scripts.first(where: { path.hasPrefix($0.key) })?.value else { return "" }
    return "; \(script) makes it"
  }
}
