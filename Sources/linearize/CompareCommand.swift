import ArgumentParser
import Documents
import Foundation
import Pipeline
import Reports

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Puts the results of several runs or students side by side.",
    discussion: """
      A run is its folder, or a results.json; lm-eval's own are read too. The table goes to \
      standard output, the best value of each row marked; values that were measured on other \
      text or samples are named and not compared. --output keeps compare.html, compare.md and \
      compare.json.

      EXAMPLES
        linearize compare runs/lolcats runs/lolcats-sinks
        linearize compare monday/results.json tuesday/results.json --output comparison
      """)

  @Argument(
    help: ArgumentHelp("Folders with a results.json, or such files.", valueName: "run"),
    completion: .file(extensions: ["json"]))
  var runs: [String]

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Folder for the comparison; made when it is not there.", valueName: "path"),
    completion: .directory)
  var output: String?

  @Flag(help: "Print the comparison as JSON instead of a table.")
  var json = false

  func validate() throws {
    if runs.count < 2 {
      throw ValidationError("Give at least two runs to compare.")
    }
  }

  func run() throws {
    let lock = try output.flatMap(EvaluationFiles.claim)
    defer { withExtendedLifetime(lock) {} }
    let comparison = ReportComparison(try runs.map { try StoredResults(contentsOf: Self.file($0)) })
    if let output {
      try DocumentFile("\(output)/compare.md").replace(with: comparison.markdown)
      try DocumentFile("\(output)/compare.json").replace(with: comparison.document.pretty)
      try DocumentFile("\(output)/compare.html").replace(with: try comparison.html())
    }
    try Console.output(json ? comparison.document.pretty : comparison.terminalTable)
    if let output { Console.log("\(output)/compare.html") }
  }

  private static func file(_ path: String) -> String {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    return exists && isFolder.boolValue ? "\(path)/results.json" : path
  }
}
