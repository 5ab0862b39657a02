import ArgumentParser
import Documents
import Pipeline
import Students
import Transformers

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Lists what a recipe may name.",
    discussion: """
      EXAMPLES
        linearize list
        linearize list students
        linearize list policies
        linearize list families
        linearize list losses
        linearize list stages --json
      """)

  enum Kind: String, CaseIterable, ExpressibleByArgument {
    case students
    case memories
    case windows
    case policies
    case featureMaps = "feature-maps"
    case families
    case stages
    case losses

    var entries: [(name: String, summary: String)] {
      switch self {
      case .students: StudentRegistry.mixers.map { ($0.name, $0.summary) }
      case .memories: StudentRegistry.memories.map { ($0.name, $0.summary) }
      case .windows: StudentRegistry.windows.map { ($0.name, $0.summary) }
      case .policies: StudentRegistry.policies.map { ($0.name, $0.summary) }
      case .featureMaps: StudentRegistry.featureMaps.map { ($0.name, $0.summary) }
      case .families: TeacherFamilies.all.map { ($0.modelType, $0.summary) }
      case .stages: StageRegistry.all.map { ($0.name, $0.summary) }
      case .losses: LossRegistry.all.map { ($0.kind, $0.summary) }
      }
    }
  }

  @Argument(help: "What to list; without it, everything.")
  var kind: Kind?

  @Flag(help: "As JSON: an object of names and summaries for each kind.")
  var json = false

  func run() throws {
    let kinds = kind.map { [$0] } ?? Kind.allCases
    try Console.output(json ? Self.document(kinds).pretty : Self.table(kinds))
  }

  private static func document(_ kinds: [Kind]) -> JSONValue {
    let members = kinds.map { kind in
      let entries = kind.entries.map { (key: $0.name, value: JSONValue.string($0.summary)) }
      return (key: kind.rawValue, value: JSONValue.object(JSONObject(entries)))
    }
    return .object(JSONObject(members))
  }

  private static func table(_ kinds: [Kind]) -> String {
    let width = kinds.flatMap(\.entries).map(\.name.count).max() ?? 0
    return kinds.map { kind in
      let lines = kind.entries.map { name, summary in
        "  " + name + String(repeating: " ", count: width - name.count + 2) + summary + "\n"
      }
      return kind.rawValue + "\n" + lines.joined()
    }.joined(separator: "\n")
  }
}
